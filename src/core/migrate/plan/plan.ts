import type {Buffer} from 'node:buffer'

import type {Supplier} from '../scan/report.ts'
import type {Strategy} from '../wrapper/header.ts'

/** Everything that a migration is going to do, as data: nothing is decided after this. */

/** A file's content and what else must be the same again after a rollback. */
export interface FileState {
  /** Of the raw bytes. */
  readonly sha256: string
  /** Permission bits. */
  readonly mode: number
  /** Null for a file that belongs to whoever runs the migration. */
  readonly uid: number | null
  readonly gid: number | null
}

export type Role = 'archive' | 'archive-checksum' | 'archive-readme' | 'call-site' | 'wrapper'

export interface PlannedFile {
  readonly role: Role
  readonly action: 'create' | 'replace'
  /** Relative to the root, with `/`. */
  readonly path: string
  /** Null for a file that does not exist yet. */
  readonly before: FileState | null
  readonly after: FileState
  readonly content: Buffer
}

/** A line that a call site gets, and why it would break without. */
export interface Rewrite {
  readonly path: string
  /** Where the line will stand. */
  readonly line: number
  readonly inserted: string
  readonly reason: string
}

export interface LeftAlone {
  readonly path: string
  readonly reason: string
}

/** A name that a caller asks for and that does not simply go on as before. */
export interface NameChange {
  readonly path: string
  readonly line: number
  readonly cell?: number
  readonly name: string
  /** Whether the module had it; null when that cannot be told. */
  readonly before: boolean | null
  readonly after: Supplier
  readonly consequence: string
}

/** Something that forbids the migration. */
export interface Blocker {
  readonly path: string
  readonly problem: string
  readonly advice: string
}

export interface InstallRequest {
  /** The interpreter, as given. */
  readonly python: string
  /** What pip is asked for. */
  readonly spec: string
  /** The folder that it must come from, absolute; null for wherever pip is set up to look. */
  readonly wheels: string | null
}

export interface MigrationPlan {
  readonly root: string
  readonly kind: 'migrate' | 'promote'
  readonly strategy: Strategy
  readonly version: string
  /** Folders to make, outer ones first. */
  readonly folders: readonly string[]
  /** In the order in which they are put in place; wrappers last. */
  readonly files: readonly PlannedFile[]
  readonly modules: ReadonlyArray<{readonly path: string; readonly archive: string}>
  readonly rewrites: readonly Rewrite[]
  readonly left: readonly LeftAlone[]
  readonly names: readonly NameChange[]
  readonly warnings: readonly string[]
  readonly blockers: readonly Blocker[]
  readonly install: InstallRequest | null
}
