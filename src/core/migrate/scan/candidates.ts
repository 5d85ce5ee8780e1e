import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {FileProblem} from './report.ts'
import type {FoundFile} from './walk.ts'

import {errorCode, type FileSystem} from '../effects.ts'
import {WRAPPER_MARKER} from '../wrapper/header.ts'
import {SHAPE_MARKERS} from './shape.ts'

/** The name under which the module has always been known. */
export const MODULE_NAME = 'npu_coordination_bridge'

export type FileType = 'notebook' | 'python' | 'text'

/** A file that is worth parsing. */
export interface Candidate {
  readonly path: string
  readonly type: FileType
  readonly bytes: Buffer
}

/** Files of these kinds are not text; they are not even opened. */
const BINARY =
  /\.(?:7z|a|avi|bin|bmp|bz2|class|dll|dylib|egg|exe|gif|gz|ico|jar|jpe?g|lib|mkv|mov|mp[34]|npy|npz|o|obj|onnx|parquet|pdf|pickle|pkl|png|pt|pth|py[cdo]|safetensors|so(?:\.\d+)*|sqlite3?|tar|tgz|tiff?|ttf|wav|webp|whl|woff2?|xz|zip|zst)$/i

/** A text file beyond this is data. In bytes. */
const MAX_TEXT = 4 * 1024 * 1024

const PYTHON_SHEBANG = /^#!.*\bpython/

function typeByName(file: string): FileType | null {
  if (/\.pyw?$/i.test(file)) return 'python'
  if (/\.ipynb$/i.test(file)) return 'notebook'
  return BINARY.test(file) ? null : 'text'
}

function isScript(file: string, bytes: Buffer): boolean {
  return !path.posix.basename(file).includes('.') && PYTHON_SHEBANG.test(bytes.subarray(0, 128).toString('latin1'))
}

export interface Prefiltered {
  readonly candidates: Candidate[]
  readonly problems: FileProblem[]
  readonly statistics: {files: number; pythonFiles: number; bytes: number}
}

/** Text that every reader of the module or its callers must contain, as bytes: searching them is a hundred times cheaper than parsing. */
const MARKERS = [MODULE_NAME, WRAPPER_MARKER, ...SHAPE_MARKERS].map((marker) => Buffer.from(marker))
const NAME_MARKER = [Buffer.from(MODULE_NAME)]

/** Reads files and keeps those that hold one of the markers; the others are looked at once and forgotten. */
export class Prefilter {
  readonly #fs: FileSystem
  readonly #root: string
  readonly result: Prefiltered = {candidates: [], problems: [], statistics: {files: 0, pythonFiles: 0, bytes: 0}}

  constructor(fs: FileSystem, root: string) {
    this.#fs = fs
    this.#root = root
  }

  /** Looks for the module itself, its wrapper and everything that names it. */
  look(file: FoundFile): void {
    const {statistics} = this.result
    statistics.files += 1
    const read = this.#read(file)
    if (!read) return
    statistics.bytes += read.bytes.length
    if (read.type === 'python') statistics.pythonFiles += 1
    const markers = read.type === 'python' ? MARKERS : NAME_MARKER
    if (markers.some((marker) => read.bytes.includes(marker))) this.result.candidates.push({path: file.path, ...read})
  }

  /** Looks again, for modules that turned out to go by other names. Only code counts: such names are everyday words. */
  lookForNames(file: FoundFile, names: readonly string[]): void {
    const type = typeByName(file.path)
    if (type !== 'python' && type !== 'notebook') return
    if (this.result.candidates.some((candidate) => candidate.path === file.path)) return
    const read = this.#read(file)
    if (read && names.some((name) => read.bytes.includes(name))) this.result.candidates.push({path: file.path, ...read})
  }

  #read(file: FoundFile): {bytes: Buffer; type: FileType} | null {
    const type = typeByName(file.path)
    if (!type) return null
    const absolute = path.join(this.#root, file.path)
    try {
      if (type === 'text' && (this.#fs.stat(absolute)?.size ?? 0) > MAX_TEXT) return null
      const bytes = this.#fs.readFile(absolute)
      return {bytes, type: type === 'text' && isScript(file.path, bytes) ? 'python' : type}
    } catch (error) {
      const code = errorCode(error)
      if (code === undefined) throw error
      // Links to folders and to nothing are everyday things, and no code.
      if (file.kind === 'symlink' && ['EISDIR', 'ELOOP', 'ENOENT'].includes(code)) return null
      this.result.problems.push({path: file.path, problem: `cannot be read: ${code}`})
      return null
    }
  }
}
