/** Other programs that run the same model on the same machine: what an inference costs without npubridge. */
import type {Datatype} from '../../engine/engine.ts'
import type {Profile} from '../participants.ts'

export interface PeerRequest {
  /** The model file. */
  readonly model: string
  /** As OpenVINO names it. */
  readonly device: string
  readonly profile: Profile
  readonly inputs: ReadonlyArray<{
    readonly name: string
    readonly datatype: Datatype
    readonly shape: readonly number[]
  }>
}

export interface PeerRun {
  readonly durationMs: number
  /** Inferences in flight. */
  readonly window: number
}

export interface PeerFigures {
  readonly perSecond: number
  readonly p50Us: number
  /** Null where the program tells one percentile only. */
  readonly p99Us: number | null
  /** Null where the program does not tell them. */
  readonly latenciesUs: readonly number[] | null
}

export interface PeerSession extends AsyncDisposable {
  /** The program and its version. */
  readonly about: string
  /** Whether it could not be given the inputs, and takes its own. */
  readonly ownInputs?: boolean
  readonly run: (run: PeerRun) => Promise<PeerFigures>
}

export interface Peer {
  /** As `--peer` takes it. */
  readonly name: string
  /** Whether its runs take so long that fewer have to do. */
  readonly slow?: boolean
  /**
   * Loads the model.
   *
   * @throws {Error} UNSUPPORTED_OPERATION when the program is not here or cannot run such a model; else why it
   *   failed
   */
  readonly open: (request: PeerRequest, signal: AbortSignal) => Promise<PeerSession>
}
