import type {Buffer} from 'node:buffer'
/**
 * What a migration does to the world, as interfaces: the core calls nothing else, so that a test can cut the power, fill
 * the disk or stop the clock at any point.
 *
 * The file system is synchronous on purpose: a change and the journal entry that announces it must happen in the order in
 * which they are written down.
 */
export interface FileStat {
  readonly kind: 'file' | 'folder' | 'other' | 'symlink'
  /** In bytes. */
  readonly size: number
  /** Permission bits, set-id and sticky bits included (0o7777). */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Number of names of the file. */
  readonly links: number
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number
}

export interface FolderEntry {
  readonly name: string
  readonly kind: FileStat['kind']
}

/** What a file has beside its content; what is left out stays as the operating system makes it. */
export interface FileAttributes {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtimeMs?: number
}

/** Paths are absolute. Every call throws an error with a `code` like `ENOENT` when it fails. */
export interface FileSystem {
  readFile(path: string): Buffer
  list(path: string): FolderEntry[]
  /** Of the path itself, links not followed; null when there is nothing. */
  stat(path: string): FileStat | null
  realPath(path: string): string
  /** Where a symbolic link points, as written. */
  readLink(path: string): string
  /** Whether this process may change the file or the entries of the folder. */
  mayWrite(path: string): boolean

  /** Writes a new file and returns when it is on the disk; fails when the path exists. */
  createFile(path: string, content: Buffer, attributes?: FileAttributes): void
  setAttributes(path: string, attributes: FileAttributes): void
  /** Replaces what is at `to`, atomically. */
  rename(from: string, to: string): void
  removeFile(path: string): void
  makeFolder(path: string): void
  /** Fails with ENOTEMPTY when it is not empty. */
  removeFolder(path: string): void
  /** Returns when the names in the folder are on the disk. */
  syncFolder(path: string): void
}

export interface ProcessOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface ProcessResult {
  /** Null when the process did not start, was killed or ran out of time; `problem` says which. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly problem: string | null
  /** True when there is no such executable. */
  readonly missing: boolean
}

/** Never rejects: how a process ended is data. */
export interface ProcessRunner {
  run(command: string, args: readonly string[], options?: ProcessOptions): Promise<ProcessResult>
  /** One line for the shell, as a person would type it. */
  shell(line: string, options?: ProcessOptions): Promise<ProcessResult>
}

export interface Clock {
  now(): Date
  /** Hexadecimal digits for names that must not collide. */
  random(digits: number): string
}

/** Which process this is, so that a lock can be told from one that nobody holds any more. */
export interface Host {
  readonly pid: number
  readonly name: string
  /** Changes with every start of the machine; null where there is no such thing. */
  readonly bootId: string | null
  /** Something that differs between two processes with the same id; null when there is no such process or no such thing. */
  startOf(pid: number): string | null
  isAlive(pid: number): boolean
}

export interface Effects {
  readonly fs: FileSystem
  readonly processes: ProcessRunner
  readonly clock: Clock
  readonly host: Host
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The `code` of an error of the file system, or undefined. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
