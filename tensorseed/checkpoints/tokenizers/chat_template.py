"""Chat template of generated tokenizers."""

from __future__ import annotations

CHAT_TEMPLATE = """\
{{- bos_token or '' -}}
{%- for message in messages -%}
{{- message['role'] + ': ' -}}
{%- if message['content'] is string -%}
{{- message['content'] -}}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}{{- part['text'] -}}
{%- elif part['type'] == 'image' and image_token is defined -%}{{- image_token -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- (eos_token or '') + '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'assistant: ' -}}{%- endif -%}
"""
"""Each message is a line: its role, a colon, its content, and the token `eos` if there is one. For Jinja."""
