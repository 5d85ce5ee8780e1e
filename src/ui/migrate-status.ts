import {bold, indent, markOf, quoted} from './migrate-text.ts'

interface PrintableEntry {
  readonly id: string
  readonly kind: string
  readonly strategy: string
  readonly version: string
  readonly state: string
  readonly reason: string | null
  readonly history: ReadonlyArray<{readonly state: string; readonly at: string}>
  readonly files: ReadonlyArray<{readonly path: string; readonly role: string}>
  readonly packages: readonly string[]
}

export interface PrintableStatus {
  readonly root: string
  readonly state: string
  readonly modules: ReadonlyArray<{readonly path: string; readonly generation: string}>
  readonly wrappers: ReadonlyArray<{
    readonly path: string
    readonly strategy: string
    readonly version: string
    readonly problem: string | null
    readonly archive: string
  }>
  readonly migration: PrintableEntry | null
  readonly rollback: {readonly possible: boolean; readonly edited: readonly string[]}
}

const HEADLINES: Readonly<Record<string, readonly ['failed' | 'none' | 'ok' | 'warning', string]>> = {
  clean: ['ok', 'No legacy module and no wrapper here.'],
  drifted: ['failed', 'Migrated, but a wrapper or its archive is not as it was made.'],
  legacy: ['warning', 'Not migrated.'],
  migrated: ['ok', 'Migrated.'],
  shadow: ['ok', 'In roll-out: the original is active, NPUBRIDGE_ROLLOUT is the share of calls for npubridge.'],
  unfinished: ['failed', 'A migration was stopped in the middle.'],
}

const NEXT: Readonly<Record<string, string>> = {
  legacy: 'npubridge migrate ROOT --dry-run --diff',
  shadow: 'npubridge migrate promote ROOT',
  unfinished: 'npubridge migrate ROOT    goes on; npubridge migrate rollback ROOT    goes back',
}

function migrationLines({migration, rollback}: PrintableStatus): string[] {
  if (!migration) return ['no journal in this checkout: migrated elsewhere, or not at all']
  return [
    `latest migration ${migration.id}: ${migration.state}`,
    rollback.possible ? 'rollback possible' : `rollback refused: edited since: ${rollback.edited.join(', ')}`,
  ]
}

/** How things stand, for stdout. */
export function renderStatus(status: PrintableStatus): string {
  const [mark, headline] = HEADLINES[status.state] ?? ['none', status.state]
  const next = NEXT[status.state]?.replaceAll('ROOT', () => quoted(status.root))
  return [
    `${markOf(mark)} ${bold(headline)}`,
    ...indent([
      ...status.modules.map(({path, generation}) => `${path} is the legacy module (${generation})`),
      ...status.wrappers.map(
        ({path, strategy, version, problem, archive}) =>
          `${path}: ${strategy} wrapper of npubridge ${version}, ${problem ?? `intact; original in ${archive}`}`,
      ),
      ...migrationLines(status),
      ...(next ? [`Next: ${next}`] : []),
    ]),
  ].join('\n')
}

/** Every migration of a checkout, oldest first, for stdout. */
export function renderHistory(history: {readonly migrations: readonly PrintableEntry[]}): string {
  if (history.migrations.length === 0) return 'No migrations in this checkout.'
  return history.migrations
    .map((entry) =>
      [
        `${bold(entry.id)}  ${entry.kind} (${entry.strategy}) by npubridge ${entry.version}: ${entry.state}`,
        ...indent([
          entry.history.map(({state, at}) => `${state} ${at}`).join('  →  '),
          ...(entry.reason === null ? [] : [`because ${entry.reason}`]),
          ...entry.files.map(({role, path}) => `${role} ${path}`),
          ...entry.packages.map((installed) => `installed ${installed}`),
        ]),
      ].join('\n'),
    )
    .join('\n\n')
}

export interface PrintableRollback {
  readonly root: string
  readonly status: string
  readonly rolledBack: ReadonlyArray<{readonly id: string; readonly kind: string; readonly files: readonly string[]}>
  readonly remaining: readonly string[]
}

/** What a rollback did, for stdout. */
export function renderRollback(report: PrintableRollback): string {
  if (report.status === 'nothing-to-do') return 'Nothing to roll back: no migration is in effect in this checkout.'
  if (report.status === 'declined') return 'Nothing was changed.'
  return [
    ...report.rolledBack.flatMap(({id, kind, files}) => [
      `${markOf('ok')} Rolled back ${kind === 'promote' ? 'the promotion' : 'migration'} ${id}: ${files.length} files are as they were`,
    ]),
    ...(report.remaining.length > 0
      ? [
          `  Still in effect: ${report.remaining.join(', ')}. Roll back: npubridge migrate rollback ${quoted(report.root)}`,
        ]
      : []),
  ].join('\n')
}

export interface PrintableCheckReport {
  readonly root: string
  readonly state: string
  readonly ok: boolean
  readonly findings: readonly string[]
}

/** The verdict of `migrate --check`, for stdout. */
export function renderCheck(report: PrintableCheckReport): string {
  if (report.ok)
    return report.state === 'clean'
      ? `${markOf('ok')} No legacy module here.`
      : `${markOf('ok')} Migrated, and every wrapper is as it was made.`
  return [
    `${markOf('failed')} The check is not met:`,
    ...indent([...report.findings, `See: npubridge migrate status ${quoted(report.root)}`]),
  ].join('\n')
}
