import type {Strategy} from '../wrapper/header.ts'
import type {Defect} from './defects/defect.ts'
import type {Condition, NameUse, ReferenceForm} from './references.ts'
import type {Generation} from './shape.ts'

/** Paths in reports are relative to the scanned root and use `/`; lines and columns count from 1. */

/** A legacy module: what `migrate` replaces. */
export interface LegacyModule {
  readonly path: string
  readonly generation: Generation
  /** What this copy calls NPUCoordinationBridge. */
  readonly className: string
  /** Of the raw bytes. */
  readonly sha256: string
  readonly defects: readonly Defect[]
  /** What importing it does beside defining names. */
  readonly sideEffects: readonly SideEffect[]
  /** Symbolic links that lead to it. */
  readonly links: readonly string[]
}

export interface SideEffect {
  readonly kind: 'logging-configuration' | 'sys-path'
  readonly line: number
  readonly column: number
}

/** A wrapper made by `migrate`. */
export interface WrapperReport {
  readonly path: string
  readonly version: string
  readonly strategy: Strategy
  readonly state: 'drifted' | 'intact'
  /** Why it counts as drifted; null for an intact one. */
  readonly problem: string | null
  /** The archived original it falls back to. */
  readonly archive: string
}

/** Where a name that is asked for comes from once the module is replaced. */
export type Supplier = 'archive' | 'missing' | 'npubridge' | 'unknown'

/** A name that a caller asks the module for. */
export interface AskedName {
  readonly name: string
  readonly via: NameUse
  readonly line: number
  readonly column: number
  /** Whether the module has it; null when that cannot be read off its text. */
  readonly before: boolean | null
  readonly after: Supplier
}

export interface Reference {
  readonly form: ReferenceForm
  /** As written. */
  readonly module: string
  /** The module it leads to; null when there is none in this tree. */
  readonly target: string | null
  readonly line: number
  readonly column: number
  /** Notebooks only: which cell, from 1; the line then counts within the cell. */
  readonly cell?: number
  readonly condition: Condition | null
  /** Whether an ImportError is caught, so that asking for a missing name does no harm. */
  readonly guarded: boolean
  readonly names: readonly AskedName[]
}

export interface Importer {
  readonly path: string
  readonly kind: 'notebook' | 'python'
  readonly references: readonly Reference[]
}

/** The module's name in a file that does not import it: reported, never changed. */
export interface Mention {
  readonly path: string
  readonly line: number
  readonly column: number
  readonly text: string
}

export interface FileProblem {
  readonly path: string
  readonly problem: string
}

export interface ScanReport {
  readonly root: string
  readonly modules: readonly LegacyModule[]
  readonly wrappers: readonly WrapperReport[]
  /** Originals that earlier migrations put away. */
  readonly archives: readonly string[]
  readonly importers: readonly Importer[]
  readonly mentions: readonly Mention[]
  /** Files that could not be read or understood, and what that means for them. */
  readonly problems: readonly FileProblem[]
  /** Folders that were left out, and why. */
  readonly skipped: readonly FileProblem[]
  readonly statistics: {
    readonly files: number
    readonly pythonFiles: number
    readonly bytes: number
    readonly durationMs: number
    readonly filesPerSecond: number
  }
}
