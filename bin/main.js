import {flush, handle, run} from '@oclif/core'

/** What plugin-not-found exits with; a command that does not exist is a usage error here. */
const COMMAND_NOT_FOUND = 127
const USAGE = 2

/** Runs the command line given by `argv` and ends the process with the exit code that the error asks for. */
export async function start(argv) {
  try {
    await run(argv, import.meta.url)
    await flush()
  } catch (error) {
    if (error?.oclif?.exit === COMMAND_NOT_FOUND) error.oclif.exit = USAGE
    await handle(error)
  }
}
