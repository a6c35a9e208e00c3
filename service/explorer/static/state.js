// The page's state is its address: a room, and a flat object of texts.
//
//   /                              the room `tensor`, the rest of the query its state
//   /?room=network&depth=8         another room
//   /{owner}/{name}/tree/{revision}  the room `checkpoints` with `repository` and `revision`
//   /{owner}/{name}/blob/{revision}/{file}  and with `file`
//
// Any other path is a repository's name that the service does not know.

/** The root of the service, whatever prefix a proxy puts before it. */
export const ROOT = new URL("../../", import.meta.url);

const HOME = "tensor";
const SETTLE_MS = 250; // browsers refuse a page that rewrites its address at every key
const REPOSITORY = /^([^/]+\/[^/]+)(?:\/tree(?:\/(.*?))?|\/blob(?:\/([^/]*)(?:\/(.+?))?)?)?\/?$/;

const listeners = new Set();
let current = read();
let writing = 0;

/** The room and the state of an address. */
export function read(url = location) {
  const state = Object.fromEntries(new URLSearchParams(url.search));
  const path = url.pathname.slice(ROOT.pathname.length);
  if (path) {
    const found = REPOSITORY.exec(path) ?? REPOSITORY.exec(decode(path)) ?? [path, path];
    const [repository, revision, file] = [found[1], found[2] ?? found[3], found[4]].map((part) => part && decode(part));
    return { room: "checkpoints", state: { ...state, repository, ...(revision && { revision }), ...(file && { file }) } };
  }
  const { room = HOME, ...rest } = state;
  return { room, state: rest };
}

/** The address of a room in a state. */
export function address(room, state = {}) {
  const { repository, revision, file, ...rest } = state;
  const query = new URLSearchParams();
  let path = "";
  if (room === "checkpoints" && repository) {
    path = encode(repository);
    if (file) path += `/blob/${encodeURIComponent(revision ?? "main")}/${encode(file)}`;
    else if (revision) path += `/tree/${encode(revision)}`;
  } else if (room !== HOME) {
    query.set("room", room);
  }
  for (const [name, text] of Object.entries(rest)) {
    if (text !== undefined && text !== null && text !== "") query.set(name, text);
  }
  const text = query.toString().replaceAll("%2C", ",");
  return ROOT.pathname + path + (text && `?${text}`);
}

/** The room and the state now. */
export const now = () => current;

/** Call `listener` after every change; returns the end of it. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Go to a room, as a link does. */
export function go(room, state = {}) {
  clearTimeout(writing);
  history.pushState(null, "", address(room, state));
  change({ room, state });
}

/** Change members of the state; undefined removes one. The address follows, in the same entry of the history. */
export function setState(patch) {
  const state = { ...current.state, ...patch };
  for (const name of Object.keys(state)) if (state[name] === undefined) delete state[name];
  change({ ...current, state });
  clearTimeout(writing);
  writing = setTimeout(() => history.replaceState(null, "", address(current.room, current.state)), SETTLE_MS);
}

addEventListener("popstate", () => {
  clearTimeout(writing);
  change(read());
});

function change(next) {
  current = next;
  for (const listener of listeners) listener();
}

function encode(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

function decode(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
