import {Buffer} from 'node:buffer'
import path from 'node:path'

import type {Effects, FileStat} from '../effects.ts'
import type {Importer, LegacyModule, ScanReport} from '../scan/report.ts'
import type {ParsedModule, Scan} from '../scan/scan.ts'
import type {Strategy} from '../wrapper/header.ts'
import type {Blocker, FileState, InstallRequest, LeftAlone, MigrationPlan, PlannedFile, Rewrite} from './plan.ts'

import {sha256} from '../hash.ts'
import {archivedNames, exportedNames} from '../scan/names.ts'
import {renderWrapper} from '../wrapper/render.ts'
import {ARCHIVE_FILE, ArchiveFolders, archiveReadme, DEPRECATED_FOLDER} from './archive.ts'
import {nameChanges} from './name-changes.ts'
import {type Insertion, insertionsFor, rewriteFile, type Rewritten} from './rewrite.ts'

export interface PlanOptions {
  readonly kind: MigrationPlan['kind']
  readonly strategy: Strategy
  /** Of npubridge, written into wrappers. */
  readonly version: string
  readonly install: InstallRequest | null
}

const PLAIN_FILE = 0o644
const OWNER_MAY_WRITE = 0o200

function stateOf(content: Buffer, stat: FileStat | null): FileState {
  return {sha256: sha256(content), mode: stat?.mode ?? PLAIN_FILE, uid: stat?.uid ?? null, gid: stat?.gid ?? null}
}

function created(role: PlannedFile['role'], file: string, content: Buffer, mode = PLAIN_FILE): PlannedFile {
  return {role, action: 'create', path: file, before: null, after: {...stateOf(content, null), mode}, content}
}

interface Replacement {
  readonly path: string
  readonly stat: FileStat
  readonly before: Buffer
  readonly content: Buffer
}

/** A replacement keeps mode and owner. */
function replaced(role: PlannedFile['role'], {path: file, stat, before, content}: Replacement): PlannedFile {
  return {role, action: 'replace', path: file, before: stateOf(before, stat), after: stateOf(content, stat), content}
}

class PlanBuilder {
  readonly folders: string[] = []
  readonly archives: PlannedFile[] = []
  readonly callSites: PlannedFile[] = []
  readonly wrappers: PlannedFile[] = []
  readonly modules: Array<{path: string; archive: string}> = []
  readonly rewrites: Rewrite[] = []
  readonly left: LeftAlone[] = []
  readonly warnings: string[] = []
  readonly blockers: Blocker[] = []
  /** Modules whose wrapper changes, so that their callers have to be looked at. */
  readonly #replaced: LegacyModule[] = []
  readonly #scan: Scan
  readonly #effects: Effects
  readonly #options: PlanOptions
  readonly #now: Date

  constructor(scan: Scan, effects: Effects, options: PlanOptions) {
    this.#scan = scan
    this.#effects = effects
    this.#options = options
    this.#now = effects.clock.now()
  }

  #absolute(file: string): string {
    return path.join(this.#scan.report.root, file)
  }

  #statOf(file: string): FileStat {
    return this.#effects.fs.stat(this.#absolute(file))!
  }

  /** What keeps a file from being replaced. Root may write anything; a file marked read-only was marked on purpose. */
  #checkReplaceable(file: string, stat: FileStat): void {
    const folder = path.posix.dirname(file)
    if ((stat.mode & OWNER_MAY_WRITE) === 0)
      this.blockers.push({path: file, problem: 'is read-only', advice: `chmod u+w "${this.#absolute(file)}"`})
    else if (!this.#effects.fs.mayWrite(this.#absolute(folder)))
      this.blockers.push({
        path: file,
        problem: `stands in a folder that this user may not write to: ${folder}`,
        advice: `run npubridge as the owner of "${this.#absolute(folder)}"`,
      })
    if (stat.links > 1)
      this.warnings.push(`${file} has ${stat.links} names (hard links): the other ones will keep the old content`)
  }

  /** Puts the original into `folder` and a wrapper in its place. */
  addModule(report: LegacyModule, parsed: ParsedModule, folder: string): void {
    const {mode} = this.#statOf(report.path)
    const archive = `${folder}/${ARCHIVE_FILE}`
    const {version} = this.#options
    this.folders.push(folder)
    const readme = Buffer.from(archiveReadme(report, this.#now, version))
    const checksum = Buffer.from(`${report.sha256}  ${ARCHIVE_FILE}\n`)
    this.archives.push(
      created('archive', archive, parsed.bytes, mode),
      created('archive-readme', `${folder}/README.md`, readme),
      created('archive-checksum', `${folder}/SHA256SUMS`, checksum),
    )
    this.#addWrapper(report, parsed, parsed.bytes, archive)
  }

  /** Puts the final wrapper in the place of a roll-out's; the original was put away when the roll-out began. */
  addShadow(report: LegacyModule, parsed: ParsedModule, shadow: NonNullable<ParsedModule['shadow']>): void {
    this.#addWrapper(report, parsed, shadow.wrapper, shadow.archive)
  }

  #addWrapper(report: LegacyModule, parsed: ParsedModule, before: Buffer, archive: string): void {
    const stat = this.#statOf(report.path)
    this.#checkReplaceable(report.path, stat)
    this.modules.push({path: report.path, archive})
    this.#replaced.push(report)
    const content = this.#wrapper(report, parsed, archive)
    this.wrappers.push(replaced('wrapper', {path: report.path, stat, before, content}))
  }

  #wrapper(report: LegacyModule, parsed: ParsedModule, archive: string): Buffer {
    const {text, lineEnd} = parsed.module.source
    const firstLine = /^#![^\r\n]*/.exec(text)
    const wrapper = renderWrapper({
      version: this.#options.version,
      strategy: this.#options.strategy,
      generation: parsed.shape.generation,
      className: parsed.shape.className,
      archive: path.posix.relative(path.posix.dirname(report.path), archive),
      archiveSha256: report.sha256,
      exported: exportedNames(parsed.shape),
      archived: archivedNames(parsed.shape),
      shebang: firstLine?.[0] ?? '',
      hasMain: /^if\s+__name__\s*==/m.test(text),
      lineEnd,
    })
    return Buffer.from(wrapper)
  }

  addCaller(importer: Importer): void {
    const {report, importers} = this.#scan
    const replacedPaths = new Set(this.#replaced.map((module) => module.path))
    if (importer.references.every(({target}) => target === null || !replacedPaths.has(target))) return
    const file = importers.get(importer.path)
    if (!file) {
      this.left.push({path: importer.path, reason: notebookReason(importer)})
      return
    }

    // In shadow mode the original runs in place, with everything it imports.
    const insertions =
      this.#options.strategy === 'shadow' ? [] : insertionsFor({file, importer}, this.#replaced, this.#scan)
    if (insertions.length === 0) {
      this.left.push({path: importer.path, reason: 'works unchanged: the wrapper has the same path and names'})
      return
    }

    const problem = report.problems.find((candidate) => candidate.path === importer.path)?.problem
    const rewritten = problem ? null : rewriteFile({file, importer}, insertions)
    if (rewritten) this.#rewrite(importer.path, file.bytes, rewritten)
    else this.left.push({path: importer.path, reason: `${problem ?? 'no place found'}; ${byHand(insertions)}`})
  }

  #rewrite(file: string, before: Buffer, {content, rewrites}: Rewritten): void {
    const stat = this.#statOf(file)
    this.#checkReplaceable(file, stat)
    this.callSites.push(replaced('call-site', {path: file, stat, before, content}))
    this.rewrites.push(...rewrites)
  }

  checkSurroundings(): void {
    const {report, files} = this.#scan
    const deprecated = this.#effects.fs.stat(this.#absolute(DEPRECATED_FOLDER))
    if (!deprecated && this.archives.length > 0) this.folders.unshift(DEPRECATED_FOLDER)
    else if (deprecated && deprecated.kind !== 'folder')
      this.blockers.push({
        path: DEPRECATED_FOLDER,
        problem: `is a ${deprecated.kind}, and the archive needs a folder of this name`,
        advice: 'rename it',
      })
    if (!this.#effects.fs.mayWrite(report.root))
      this.blockers.push({
        path: '.',
        problem: 'may not be written to by this user, and the journal goes there',
        advice: `run npubridge as the owner of "${report.root}"`,
      })
    for (const {path: file, problem} of report.wrappers)
      if (problem) this.warnings.push(`${file} was migrated before, but ${problem}`)
    for (const {path: file, problem} of report.problems)
      if (problem.startsWith('links to a legacy module outside'))
        this.blockers.push({path: file, problem, advice: 'run npubridge migrate in the tree that it belongs to'})
    for (const {path: module} of this.modules) {
      const folder = path.posix.dirname(module) === '.' ? '' : `${path.posix.dirname(module)}/`
      for (const own of [`${folder}npubridge.py`, `${folder}npubridge/__init__.py`])
        if (files.has(own))
          this.warnings.push(
            `${own} may hide the package npubridge from ${module}, which then runs the archived original`,
          )
    }
  }
}

function byHand(insertions: readonly Insertion[]): string {
  return `add by hand: ${insertions.flatMap((insertion) => insertion.lines).join('; ')}`
}

function notebookReason(importer: Importer): string {
  const leaked = importer.references.flatMap((reference) =>
    reference.names.filter(({via, before, after}) => via === 'star' && before === true && after === 'missing'),
  )
  if (leaked.length === 0) return 'notebooks are never changed; its imports go on working'
  const names = leaked.map(({name}) => name).join(', ')
  return `notebooks are never changed; import by hand what came through "import *": ${names}`
}

function mentionsLeft(report: ScanReport): LeftAlone[] {
  return [...new Set(report.mentions.map((mention) => mention.path))].map((file) => ({
    path: file,
    reason: 'only mentions the module, which keeps its path',
  }))
}

/** Everything that a migration of the scanned tree would do. Reads, and writes nothing. */
export function buildPlan(scan: Scan, effects: Effects, options: PlanOptions): MigrationPlan {
  const {report} = scan
  const builder = new PlanBuilder(scan, effects, options)
  const archives = new ArchiveFolders(effects.fs, report.root, effects.clock.now())
  for (const module of report.modules) {
    const parsed = scan.modules.get(module.path)!
    if (parsed.shadow) builder.addShadow(module, parsed, parsed.shadow)
    else if (options.kind === 'migrate') builder.addModule(module, parsed, archives.next())
  }

  builder.checkSurroundings()
  for (const importer of report.importers) builder.addCaller(importer)
  const {folders, archives: originals, callSites, wrappers, modules, rewrites, left, warnings, blockers} = builder
  return {
    root: report.root,
    kind: options.kind,
    strategy: options.strategy,
    version: options.version,
    folders,
    files: [...originals, ...callSites, ...wrappers],
    modules,
    rewrites,
    left: [...left, ...mentionsLeft(report)],
    names: nameChanges(report),
    warnings,
    blockers,
    install: options.install,
  }
}
