import {homedir} from 'node:os'
import path from 'node:path'

/** Where npubridge keeps what it fetched and what it can make again. The Rust engine resolves the same folders. */
export interface Paths {
  /** Managed OpenVINO runtimes, one folder a version. */
  readonly runtimes: string
  /** Models of the catalogue, one folder a name. */
  readonly models: string
  /** Compiled models and code, embeddings and probe results: safe to delete at any time. */
  readonly cache: string
  /** What running servers leave for `serve status` and `serve stop`, and the hash of their token. */
  readonly servers: string
}

/**
 * `NPUBRIDGE_HOME` holds everything when set; otherwise data goes to `XDG_DATA_HOME` (default `~/.local/share`) and
 * what can be made again to `XDG_CACHE_HOME` (default `~/.cache`), as the XDG Base Directory Specification says.
 */
export function resolvePaths(env: NodeJS.ProcessEnv = process.env): Paths {
  const home = env.NPUBRIDGE_HOME
  const data = home
    ? path.resolve(home)
    : path.join(env.XDG_DATA_HOME || path.join(homedir(), '.local', 'share'), 'npubridge')
  const cache = home
    ? path.join(path.resolve(home), 'cache')
    : path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'npubridge')
  return {
    cache,
    models: path.join(data, 'models'),
    runtimes: path.join(data, 'runtimes'),
    servers: path.join(data, 'servers'),
  }
}
