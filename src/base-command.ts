import {Command, Errors} from '@oclif/core'

import {asNpuBridgeError, EXIT, NpuBridgeError} from './core/errors.ts'
import {renderError} from './ui/error.ts'

/** A failure that carries the exit code of the process; the cause is what gets reported. */
export class ExitError extends Error {
  readonly oclif: {exit: number}

  constructor(cause: NpuBridgeError, exit: number = EXIT.error) {
    super(cause.message, {cause})
    this.oclif = {exit}
  }
}

/** What every command shares: how an error looks on a terminal and in JSON, and that Ctrl-C ends with 130. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true

  /** Aborted by the first SIGINT or SIGTERM, so that work in hand can stop; a second one ends the process at once. */
  protected readonly interrupted: AbortSignal = this.#listenForSignals()

  protected override async catch(error: Error & {oclif?: {exit?: number}}): Promise<void> {
    const exit = error.oclif?.exit
    if (error instanceof Errors.ExitError) throw error
    // Errors of oclif itself (flags, arguments) already read well and carry their exit code.
    if (error instanceof Errors.CLIError && !(error instanceof NpuBridgeError)) {
      // What the parser refuses is wrong usage; oclif has no exit code of its own for a value that is not an option.
      if ('parse' in error) error.oclif.exit = EXIT.usage
      return super.catch(error)
    }

    const reported = asNpuBridgeError(error instanceof ExitError ? error.cause : error)
    process.exitCode = this.interrupted.aborted ? EXIT.interrupted : (exit ?? reported.exitCode)
    if (this.jsonEnabled()) this.logJson(this.toErrorJson(reported))
    else this.logToStderr(renderError(reported))
    if (process.env.DEBUG?.startsWith('npubridge')) this.logToStderr(String(reported.stack))
  }

  protected override toErrorJson(error: unknown): unknown {
    const usage = error instanceof Errors.CLIError && !(error instanceof NpuBridgeError)
    const reported = usage
      ? new NpuBridgeError('INVALID_ARGUMENT', error.message, {cause: error})
      : asNpuBridgeError(error)
    return {error: reported.toJSON()}
  }

  #listenForSignals(): AbortSignal {
    const controller = new AbortController()
    const onSignal = () => {
      if (controller.signal.aborted) process.exit(EXIT.interrupted)
      controller.abort(new NpuBridgeError('CANCELLED', 'interrupted'))
    }

    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
    return controller.signal
  }
}
