import path from 'node:path'
import {pathToFileURL} from 'node:url'

import type {AskedName, Importer, Reference, ScanReport} from './scan/report.ts'

import {DEFECTS} from './scan/defects/defect.ts'

/** The parts of SARIF 2.1.0 (OASIS) that a scan has something to say in. */
export interface SarifLog {
  readonly $schema: string
  readonly version: '2.1.0'
  readonly runs: readonly unknown[]
}

type Level = 'error' | 'note' | 'warning'

interface Finding {
  readonly rule: string
  readonly level: Level
  readonly message: string
  readonly path: string
  /** Left out where lines mean nothing, as in notebooks. */
  readonly place?: {readonly line: number; readonly column: number}
}

const RULES: Readonly<Record<string, string>> = {
  ...DEFECTS,
  'legacy-module': 'The legacy NPU coordination bridge, which `npubridge migrate` replaces',
  'legacy-import': 'A use of the legacy NPU coordination bridge',
  'missing-name': 'A name is asked for that the module never had',
  'drifted-wrapper': 'A wrapper that is not as `npubridge migrate` made it',
}

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json'

function uriOf(file: string): string {
  return file
    .split('/')
    .map((part) => encodeURIComponent(part))
    .join('/')
}

function place(importer: Importer, at: {line: number; column: number}): Pick<Finding, 'place'> {
  return importer.kind === 'notebook' ? {} : {place: {line: at.line, column: at.column}}
}

function missingName(importer: Importer, reference: Reference, name: AskedName): Finding {
  return {
    rule: 'missing-name',
    level: reference.guarded ? 'note' : 'warning',
    message: `${reference.module} has no "${name.name}"${reference.guarded ? '; the ImportError is caught' : ''}.`,
    path: importer.path,
    ...place(importer, name),
  }
}

function importFindings(importer: Importer): Finding[] {
  return importer.references.flatMap((reference) => [
    {
      rule: 'legacy-import',
      level: 'note' as const,
      message: `Uses ${reference.module}${reference.cell === undefined ? '' : ` in cell ${reference.cell}`}.`,
      path: importer.path,
      ...place(importer, reference),
    },
    ...reference.names.filter((name) => name.before === false).map((name) => missingName(importer, reference, name)),
  ])
}

function findings(report: ScanReport): Finding[] {
  const modules = report.modules.flatMap((module): Finding[] => [
    {
      rule: 'legacy-module',
      level: 'warning',
      message: `The legacy NPU coordination bridge (${module.generation}); replace it with npubridge migrate.`,
      path: module.path,
      place: {line: 1, column: 1},
    },
    ...module.defects.map((defect): Finding => {
      const {line, column} = defect
      return {
        rule: defect.kind,
        level: 'error',
        message: `${defect.explanation}.`,
        path: module.path,
        place: {line, column},
      }
    }),
  ])
  const wrappers = report.wrappers
    .filter((wrapper) => wrapper.problem !== null)
    .map((wrapper): Finding => ({
      rule: 'drifted-wrapper',
      level: 'error',
      message: `${wrapper.problem}.`,
      path: wrapper.path,
    }))
  return [...modules, ...report.importers.flatMap((importer) => importFindings(importer)), ...wrappers]
}

function toResult(finding: Finding) {
  const region = finding.place && {region: {startLine: finding.place.line, startColumn: finding.place.column}}
  const artifactLocation = {uri: uriOf(finding.path), uriBaseId: 'ROOT'}
  return {
    ruleId: finding.rule,
    level: finding.level,
    message: {text: finding.message},
    locations: [{physicalLocation: {artifactLocation, ...region}}],
  }
}

/** A scan as SARIF, for code scanning of hosting services and for editors. */
export function toSarif(report: ScanReport, version: string): SarifLog {
  const rules = Object.entries(RULES).map(([id, text]) => ({id, shortDescription: {text: `${text}.`}}))
  const driver = {name: 'npubridge', semanticVersion: version, rules}
  return {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {driver},
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: {ROOT: {uri: pathToFileURL(report.root + path.sep).href}},
        results: findings(report).map((finding) => toResult(finding)),
      },
    ],
  }
}
