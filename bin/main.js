import {enableCompileCache} from 'node:module'
import path from 'node:path'

import {resolvePaths} from '../dist/core/paths.js'

/** What plugin-not-found exits with; a command that does not exist is a usage error here. */
const COMMAND_NOT_FOUND = 127
const USAGE = 2

/** Runs the command line given by `argv` and ends the process with the exit code that the error asks for. */
export async function start(argv) {
  // What is imported from here on is compiled once, not each time that somebody starts it; where nothing can be written,
  // Node goes on without.
  enableCompileCache(path.join(resolvePaths().cache, 'code'))
  const {flush, handle, run} = await import('@oclif/core')
  try {
    await run(argv, import.meta.url)
    await flush()
  } catch (error) {
    if (error?.oclif?.exit === COMMAND_NOT_FOUND) error.oclif.exit = USAGE
    await handle(error)
  }
}
