import {Buffer} from 'node:buffer'
import path from 'node:path'
import {setImmediate} from 'node:timers/promises'

import type {Effects} from '../effects.ts'
import type {FileProblem, Importer, LegacyModule, Mention, Reference, ScanReport, WrapperReport} from './report.ts'

import {sha256} from '../hash.ts'
import {readHeader} from '../wrapper/header.ts'
import {type Candidate, MODULE_NAME, Prefilter} from './candidates.ts'
import {findDefects} from './defects/index.ts'
import {askedNames} from './names.ts'
import {notebookCode} from './notebook.ts'
import {findReferences, type RawReference} from './references.ts'
import {type ModulePlace, resolveModule, resolvePath, stemOf} from './resolve.ts'
import {legacyShape, type LegacyShape} from './shape.ts'
import {sideEffectsOf} from './side-effects.ts'
import {decodeSource, LineMap} from './source.ts'
import {PyModule} from './tree.ts'
import {compareText, type FoundFile, walkTree} from './walk.ts'

/** A Python file that was parsed, kept for planning. */
export interface ParsedFile {
  readonly bytes: Buffer
  readonly module: PyModule
}

export interface ParsedModule extends ParsedFile {
  readonly shape: LegacyShape
  /** For the original of a roll-out: the wrapper in its place, and where the original was put. */
  readonly shadow?: {readonly wrapper: Buffer; readonly archive: string}
}

export interface Scan {
  readonly report: ScanReport
  /** By path, as in the report. */
  readonly modules: ReadonlyMap<string, ParsedModule>
  readonly importers: ReadonlyMap<string, ParsedFile>
  /** Every file of the tree that was found, by path. */
  readonly files: ReadonlySet<string>
}

export interface ScanOptions {
  /** Look at the archived originals of a roll-out as if they stood where their wrappers stand. */
  readonly throughShadows?: boolean
  readonly signal?: AbortSignal | undefined
  /** Called now and then with the number of files looked at. */
  readonly onProgress?: (files: number) => void
}

/** Where earlier migrations put originals; whatever else is under `deprecated` is code like any other. */
const ARCHIVED = /(?:^|\/)deprecated\/npu_bridge_python_legacy_\d{8}(?:_\d+)?\/[^/]+\.py$/

/** Files read between two looks at the event loop, where signals and progress are waiting. */
const FILES_A_TURN = 256

/** Mentions of one file beyond this are not listed. */
const MAX_MENTIONS = 20

async function inTurns(
  files: readonly FoundFile[],
  options: ScanOptions,
  look: (file: FoundFile) => void,
): Promise<void> {
  for (const [index, file] of files.entries()) {
    if (index % FILES_A_TURN === 0) {
      await setImmediate()
      options.signal?.throwIfAborted()
      options.onProgress?.(index)
    }

    look(file)
  }
}

/** Sorts what the prefilter kept into modules, wrappers, archives and the rest. */
class Sorter {
  readonly modules = new Map<string, ParsedModule>()
  readonly wrappers: WrapperReport[] = []
  readonly archives: string[] = []
  readonly rest: Candidate[] = []
  readonly problems: FileProblem[] = []
  readonly #effects: Effects
  readonly #root: string
  readonly #throughShadows: boolean

  constructor(effects: Effects, root: string, throughShadows: boolean) {
    this.#effects = effects
    this.#root = root
    this.#throughShadows = throughShadows
  }

  sort(candidate: Candidate): void {
    if (ARCHIVED.test(candidate.path)) {
      this.archives.push(candidate.path)
      return
    }

    const source = candidate.type === 'python' ? decodeSource(candidate.bytes) : null
    if (source) {
      const wrapper = this.#wrapper(candidate.path, source.text)
      if (wrapper) {
        if (!this.#throughShadows || !this.#lookThrough(wrapper, candidate.bytes)) this.wrappers.push(wrapper)
        return
      }

      const module = new PyModule(source)
      const shape = legacyShape(module)
      if (shape) {
        this.modules.set(candidate.path, {bytes: candidate.bytes, module, shape})
        const problem = sourceProblem(module)
        if (problem) this.problems.push({path: candidate.path, problem})
        return
      }
    }

    this.rest.push(candidate)
  }

  #lookThrough(wrapper: WrapperReport, bytes: Buffer): boolean {
    if (wrapper.strategy !== 'shadow' || wrapper.state !== 'intact') return false
    const original = this.#effects.fs.readFile(path.join(this.#root, wrapper.archive))
    const module = new PyModule(decodeSource(original))
    const shape = legacyShape(module)
    if (!shape) return false
    const shadow = {wrapper: bytes, archive: wrapper.archive}
    this.modules.set(wrapper.path, {bytes: original, module, shape, shadow})
    return true
  }

  #wrapper(file: string, text: string): WrapperReport | null {
    const header = readHeader(text)
    if (!header) return null
    const archive = path.posix.join(path.posix.dirname(file), header.archive)
    const problem = header.intact
      ? this.#archiveProblem(archive, header.archiveSha256)
      : 'its content does not match the hash in its header'
    const {version, strategy} = header
    return {path: file, version, strategy, state: problem ? 'drifted' : 'intact', problem, archive}
  }

  #archiveProblem(archive: string, expected: string): string | null {
    const absolute = path.join(this.#root, archive)
    if (this.#effects.fs.stat(absolute)?.kind !== 'file') return `the archived original ${archive} is missing`
    const bytes = this.#effects.fs.readFile(absolute)
    if (sha256(bytes) === expected) return null
    // Git may have converted the line ends on checkout; what it runs is the same.
    const unix = Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
    return sha256(unix) === expected ? null : `the archived original ${archive} was changed`
  }
}

/** Links to modules inside the tree are other names of them; what lies outside is out of reach. */
function sortLinks(effects: Effects, root: string, links: readonly Candidate[], sorter: Sorter): Map<string, string[]> {
  const aliases = new Map<string, string[]>()
  for (const link of links) {
    const real = path
      .relative(root, effects.fs.realPath(path.join(root, link.path)))
      .split(path.sep)
      .join('/')
    const isOutside = real.startsWith('../') || path.isAbsolute(real)
    if (!isOutside) aliases.set(real, [...(aliases.get(real) ?? []), link.path])
    else if (link.type === 'python' && legacyShape(new PyModule(decodeSource(link.bytes))))
      sorter.problems.push({path: link.path, problem: `links to a legacy module outside this tree: ${real}`})
  }

  return aliases
}

function toReference(
  raw: RawReference,
  file: string,
  places: readonly ModulePlace[],
  modules: ReadonlyMap<string, ParsedModule>,
): Reference {
  const place = raw.form === 'path' ? resolvePath(raw.module, file, places) : resolveModule(raw.module, file, places)
  const shape = place ? (modules.get(place.path)?.shape ?? null) : null
  return {
    form: raw.form,
    module: raw.module,
    target: place?.path ?? null,
    ...raw.node.position,
    condition: raw.condition,
    guarded: raw.guarded,
    names: askedNames(raw, shape),
  }
}

function mentionsIn(file: string, text: string): Mention[] {
  const lines = new LineMap(text)
  const content = text.split(/\r\n|\r|\n/)
  return [...text.matchAll(new RegExp(MODULE_NAME, 'g'))].slice(0, MAX_MENTIONS).map((match) => {
    const position = lines.at(match.index)
    return {path: file, ...position, text: content[position.line - 1]!.trim().slice(0, 200)}
  })
}

function sourceProblem(module: PyModule): string | null {
  if (module.source.encodingProblem) return module.source.encodingProblem
  for (const node of module.root.walk()) {
    if (node.kind === 'print_statement' || node.kind === 'exec_statement') return 'Python 2 code: read, never changed'
    if (node.kind === 'ERROR')
      return `syntax error in line ${node.position.line}: read as far as possible, never changed`
  }

  return null
}

class CallerAnalysis {
  readonly importers: Importer[] = []
  readonly parsed = new Map<string, ParsedFile>()
  readonly mentions: Mention[] = []
  readonly problems: FileProblem[] = []
  readonly #places: readonly ModulePlace[]
  readonly #modules: ReadonlyMap<string, ParsedModule>
  readonly #finder: {isStem(name: string): boolean}

  constructor(places: readonly ModulePlace[], modules: ReadonlyMap<string, ParsedModule>) {
    this.#places = places
    this.#modules = modules
    const stems = new Set([MODULE_NAME, ...places.flatMap((place) => [place.path, ...place.aliases].map(stemOf))])
    this.#finder = {isStem: (name) => stems.has(name)}
  }

  analyse(candidate: Candidate): void {
    if (candidate.type === 'notebook') this.#notebook(candidate)
    else if (candidate.type === 'python') this.#python(candidate)
    else this.mentions.push(...mentionsIn(candidate.path, decodeSource(candidate.bytes).text))
  }

  #python({path: file, bytes}: Candidate): void {
    const module = new PyModule(decodeSource(bytes))
    const problem = sourceProblem(module)
    const references = this.#references(module, file)
    if (references.length === 0) {
      this.mentions.push(...mentionsIn(file, module.source.text))
      return
    }

    if (problem) this.problems.push({path: file, problem})
    this.importers.push({path: file, kind: 'python', references})
    this.parsed.set(file, {bytes, module})
  }

  #notebook({path: file, bytes}: Candidate): void {
    const code = notebookCode(decodeSource(bytes).text)
    if (!code) {
      this.problems.push({path: file, problem: 'is not a notebook of format 4: only searched for the name'})
      this.mentions.push(...mentionsIn(file, decodeSource(bytes).text))
      return
    }

    const module = new PyModule(decodeSource(Buffer.from(code.text)))
    const inCell = <T extends {line: number}>(item: T) => ({...item, ...code.lines[item.line - 1]})
    const references = this.#references(module, file).map((reference) => ({
      ...inCell(reference),
      names: reference.names.map((name) => ({...name, line: inCell(name).line})),
    }))
    if (references.length > 0) this.importers.push({path: file, kind: 'notebook', references})
    else this.mentions.push(...mentionsIn(file, code.text).map((mention) => inCell(mention)))
  }

  /** A module under another name is told by where an import leads; only the known name counts without that. */
  #references(module: PyModule, file: string): Reference[] {
    return findReferences(module, this.#finder)
      .map((raw) => toReference(raw, file, this.#places, this.#modules))
      .filter((reference) => reference.target !== null || reference.module.includes(MODULE_NAME))
  }
}

function moduleReport(file: string, parsed: ParsedModule, links: readonly string[]): LegacyModule {
  return {
    path: file,
    generation: parsed.shape.generation,
    className: parsed.shape.className,
    sha256: sha256(parsed.bytes),
    defects: findDefects(parsed.module),
    sideEffects: sideEffectsOf(parsed.module),
    links,
  }
}

/**
 * Reads the tree below `root` (absolute) and says what is there of the legacy module. Writes nothing.
 *
 * @throws {Error} whatever `signal` was aborted with.
 */
export async function scanTree(root: string, effects: Effects, options: ScanOptions = {}): Promise<Scan> {
  const started = effects.clock.now().getTime()
  const walk = walkTree(effects.fs, root)
  const prefilter = new Prefilter(effects.fs, root)
  await inTurns(walk.files, options, (file) => {
    prefilter.look(file)
  })

  const kinds = new Map(walk.files.map((file) => [file.path, file.kind]))
  const {candidates} = prefilter.result
  const sorter = new Sorter(effects, root, options.throughShadows ?? false)
  for (const candidate of candidates) if (kinds.get(candidate.path) === 'file') sorter.sort(candidate)
  const aliases = sortLinks(
    effects,
    root,
    candidates.filter((candidate) => kinds.get(candidate.path) === 'symlink'),
    sorter,
  )

  const places = [...sorter.modules.keys(), ...sorter.wrappers.map((wrapper) => wrapper.path)].map((file) => ({
    path: file,
    aliases: aliases.get(file) ?? [],
  }))
  const otherNames = [...new Set(places.flatMap((place) => [place.path, ...place.aliases].map(stemOf)))].filter(
    (name) => name !== MODULE_NAME,
  )
  const seen = candidates.length
  if (otherNames.length > 0)
    await inTurns(walk.files, options, (file) => {
      if (file.kind === 'file') prefilter.lookForNames(file, otherNames)
    })

  const callers = new CallerAnalysis(places, sorter.modules)
  for (const candidate of [...sorter.rest, ...candidates.slice(seen)]) callers.analyse(candidate)

  const durationMs = effects.clock.now().getTime() - started
  const {statistics} = prefilter.result
  const byPath = <T extends {path: string}>(items: T[]) => items.toSorted((a, b) => compareText(a.path, b.path))
  return {
    report: {
      root,
      modules: byPath([...sorter.modules].map(([file, parsed]) => moduleReport(file, parsed, aliases.get(file) ?? []))),
      wrappers: byPath(sorter.wrappers),
      archives: sorter.archives.toSorted(),
      importers: byPath(callers.importers),
      mentions: callers.mentions,
      problems: byPath([...walk.problems, ...prefilter.result.problems, ...sorter.problems, ...callers.problems]),
      skipped: byPath(walk.skipped),
      statistics: {
        ...statistics,
        durationMs,
        filesPerSecond: Math.round((statistics.files / Math.max(durationMs, 1)) * 1000),
      },
    },
    modules: sorter.modules,
    importers: callers.parsed,
    files: new Set(walk.files.map((file) => file.path)),
  }
}
