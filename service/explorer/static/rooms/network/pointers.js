// Lines and columns of JSON pointers (RFC 6901) in a text.

/** `{line, column, offset}`, the first two from 1 on, of what a pointer names, or of the last part of it that is there; null for no JSON. */
export function locate(text, pointer) {
  const places = new Map();
  try {
    JSON.parse(text);
    new Scanner(text, places).value("");
  } catch {
    return null;
  }
  let found = pointer;
  while (!places.has(found)) found = found.slice(0, Math.max(0, found.lastIndexOf("/")));
  const offset = places.get(found);
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1).length + 1, offset };
}

// The text is known to be JSON, so that only the places of its parts are looked for.
class Scanner {
  constructor(text, places) {
    this.text = text;
    this.places = places;
    this.at = 0;
  }

  value(pointer) {
    this.space();
    this.places.set(pointer, this.at);
    if (this.text[this.at] === "{") this.members(pointer, "}");
    else if (this.text[this.at] === "[") this.members(pointer, "]");
    else if (this.text[this.at] === '"') this.string();
    else this.skip(/[^\s,\]}]*/y);
  }

  members(pointer, close) {
    this.at += 1;
    for (let index = 0; ; index += 1) {
      this.space();
      if (this.text[this.at] === ",") this.at += 1;
      this.space();
      if (this.text[this.at] === close) break;
      let name = String(index);
      if (close === "}") {
        name = JSON.parse(this.string());
        this.space();
        this.at += 1;
      }
      this.value(`${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    }
    this.at += 1;
  }

  string() {
    const start = this.at;
    this.skip(/"(?:[^"\\]|\\.)*"/y);
    return this.text.slice(start, this.at);
  }

  space() {
    this.skip(/\s*/y);
  }

  skip(pattern) {
    pattern.lastIndex = this.at;
    this.at += pattern.exec(this.text)[0].length;
  }
}
