import {bold, count, indent, markOf, upTo} from './migrate-text.ts'

interface Place {
  readonly path: string
  readonly line: number
  readonly column: number
}

interface PrintableReference {
  readonly module: string
  readonly target: string | null
  readonly line: number
  readonly cell?: number
  readonly guarded: boolean
  readonly condition: string | null
  readonly names: ReadonlyArray<{readonly name: string; readonly line: number; readonly before: boolean | null}>
}

interface PrintableDefect {
  readonly kind: string
  readonly line: number
  readonly column: number
  readonly explanation: string
}

export interface PrintableScan {
  readonly root: string
  readonly modules: ReadonlyArray<{
    readonly path: string
    readonly generation: string
    readonly links: readonly string[]
    readonly defects: readonly PrintableDefect[]
    readonly sideEffects: ReadonlyArray<{readonly kind: string; readonly line: number}>
  }>
  readonly wrappers: ReadonlyArray<{
    readonly path: string
    readonly strategy: string
    readonly version: string
    readonly problem: string | null
  }>
  readonly importers: ReadonlyArray<{readonly path: string; readonly references: readonly PrintableReference[]}>
  readonly mentions: ReadonlyArray<Place & {readonly text: string}>
  readonly problems: ReadonlyArray<{readonly path: string; readonly problem: string}>
  readonly skipped: ReadonlyArray<{readonly path: string; readonly problem: string}>
  readonly statistics: {readonly files: number; readonly durationMs: number; readonly filesPerSecond: number}
}

const SIDE_EFFECTS: Readonly<Record<string, string>> = {
  'logging-configuration': 'importing it configures logging for the whole process',
  'sys-path': 'importing it changes sys.path',
}

/** `Scanned 412 files: 1 legacy module (v1), 9 importers, 6 known defects in 13 places` */
export function scanHeadline(scan: PrintableScan): string {
  const generations = [...new Set(scan.modules.map((module) => module.generation))].join(', ')
  const defects = scan.modules.flatMap((module) => module.defects)
  const kinds = new Set(defects.map(({kind}) => kind)).size
  const parts = [
    count(scan.modules.length, 'legacy module') + (generations ? ` (${generations})` : ''),
    ...(scan.wrappers.length > 0 ? [count(scan.wrappers.length, 'wrapper')] : []),
    count(scan.importers.length, 'importer'),
    ...(kinds > 0 ? [`${count(kinds, 'known defect')} in ${count(defects.length, 'place')}`] : []),
  ]
  return `Scanned ${count(scan.statistics.files, 'file')}: ${parts.join(', ')}`
}

/** Files that ask for names that the module never had. */
export function askingForMore(scan: PrintableScan): string[] {
  return scan.importers
    .filter(({references}) => references.some(({names}) => names.some(({before}) => before === false)))
    .map(({path}) => path)
}

function moduleLines(scan: PrintableScan): string[] {
  return scan.modules.flatMap((module) => [
    '',
    `${markOf('failed')} ${bold(module.path)} is the legacy module (${module.generation})`,
    ...indent([
      ...module.links.map((link) => `also reached as ${link}`),
      ...module.defects.map((defect) => `${module.path}:${defect.line}:${defect.column}  ${defect.explanation}`),
      ...module.sideEffects.map(({kind, line}) => `${module.path}:${line}  ${SIDE_EFFECTS[kind] ?? kind}`),
    ]),
  ])
}

function wrapperLines(scan: PrintableScan): string[] {
  return scan.wrappers.map(({path, strategy, version, problem}) =>
    problem === null
      ? `${markOf('ok')} ${bold(path)} is a wrapper (${strategy}, npubridge ${version}), as it was made`
      : `${markOf('failed')} ${bold(path)} is a wrapper, but ${problem}`,
  )
}

function referenceLine(path: string, reference: PrintableReference): string {
  const cell = reference.cell === undefined ? '' : ` (cell ${reference.cell})`
  const missing = reference.names.filter(({before}) => before === false).map(({name}) => name)
  const remarks = [
    ...(reference.condition ? [`in ${reference.condition}`] : []),
    ...(reference.target === null ? ['leads nowhere in this tree'] : []),
    ...(missing.length > 0 ? [`never had: ${missing.join(', ')}${reference.guarded ? ' (caught)' : ''}`] : []),
  ]
  return `${path}:${reference.line}${cell}  ${reference.module}${remarks.length > 0 ? ` — ${remarks.join('; ')}` : ''}`
}

function importerLines(scan: PrintableScan): string[] {
  if (scan.importers.length === 0) return []
  const lines = scan.importers.flatMap(({path, references}) =>
    references.map((reference) => referenceLine(path, reference)),
  )
  return ['', bold('Importers'), ...indent(lines)]
}

function listLines(title: string, items: ReadonlyArray<{path: string; problem: string}>, most: number): string[] {
  if (items.length === 0) return []
  const lines = items.map(({path, problem}) => `${path}  ${problem}`)
  return ['', bold(title), ...indent(upTo(lines, most, 'see --json'))]
}

/** What a scan found, for stdout. */
export function renderScan(scan: PrintableScan): string {
  const {statistics} = scan
  const mentions = scan.mentions.map(({path, line, column, text}) => ({
    path: `${path}:${line}:${column}`,
    problem: text,
  }))
  return [
    `${scanHeadline(scan)}   ${(statistics.durationMs / 1000).toFixed(1)} s, ${count(statistics.filesPerSecond, 'file')}/s`,
    ...wrapperLines(scan),
    ...moduleLines(scan),
    ...importerLines(scan),
    ...listLines('Mentions, never changed', mentions, 20),
    ...listLines('Problems', scan.problems, 20),
    ...listLines('Left out', scan.skipped, 10),
    ...(scan.modules.length > 0 ? ['', `Next: npubridge migrate . --dry-run --diff`] : []),
  ].join('\n')
}
