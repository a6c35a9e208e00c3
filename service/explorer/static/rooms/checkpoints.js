// The room of checkpoints: every recipe, and the page of one repository at a revision.
import { html } from "../components/preact.js";
import { List } from "./checkpoints/list.js";
import { Repository } from "./checkpoints/repository.js";

export const title = "Checkpoints";

export function Room({ state, setState }) {
  if (state.repository)
    return html`<${Repository} key=${state.repository} name=${state.repository} revision=${state.revision ?? "main"} file=${state.file}
      setState=${setState} />`;
  return html`<${List} search=${state.search ?? ""} setState=${setState} />`;
}
