import {askingForMore, type PrintableScan, scanHeadline} from './migrate-scan.ts'
import {bold, colouredDiff, count, indent, markOf, quoted, upTo} from './migrate-text.ts'

interface PrintablePlan {
  readonly kind: string
  readonly strategy: string
  readonly files: ReadonlyArray<{
    readonly role: string
    readonly action: string
    readonly path: string
    readonly after: {readonly sha256: string}
    readonly diff: string | null
  }>
  readonly rewrites: ReadonlyArray<{
    readonly path: string
    readonly line: number
    readonly inserted: string
    readonly reason: string
  }>
  readonly left: ReadonlyArray<{readonly path: string; readonly reason: string}>
  readonly names: ReadonlyArray<{
    readonly path: string
    readonly line: number
    readonly cell?: number
    readonly name: string
    readonly consequence: string
  }>
  readonly warnings: readonly string[]
  readonly blockers: ReadonlyArray<{readonly path: string; readonly problem: string; readonly advice: string}>
  readonly install: {readonly python: string; readonly spec: string} | null
}

interface PrintableCheck {
  readonly name: string
  readonly ok: boolean
  readonly problem: string | null
}

export interface PrintableMigration {
  readonly root: string
  readonly status: string
  readonly id: string | null
  readonly scan: PrintableScan | null
  readonly plan: PrintablePlan | null
  readonly verification: {
    readonly before: readonly PrintableCheck[]
    readonly after: readonly PrintableCheck[]
    readonly regressions: readonly PrintableCheck[]
    readonly failedBefore: readonly PrintableCheck[]
  } | null
  readonly wrappers: ReadonlyArray<{
    readonly path: string
    readonly active: string | null
    readonly reason: string | null
  }>
  readonly undo: string | null
}

function planHeadline(plan: PrintablePlan): string {
  const number = (role: string) => plan.files.filter((file) => file.role === role).length
  return [
    `archive ${number('archive')}`,
    `replace ${number('wrapper')}`,
    `rewrite ${number('call-site')}`,
    `leave ${plan.left.length}`,
    ...(plan.install ? [`install ${plan.install.spec} into ${plan.install.python}`] : []),
  ].join(', ')
}

/** What the user is asked to agree to, a few lines. */
export function renderPlanSummary(plan: PrintablePlan, scan: PrintableScan | null): string {
  const asking = scan ? askingForMore(scan) : []
  return [
    ...(scan ? [`${markOf('ok')} ${scanHeadline(scan)}`] : []),
    ...(asking.length > 0
      ? [`  ${markOf('warning')} ${count(asking.length, 'file asks', 'files ask')} for names that the module never had`]
      : []),
    ...plan.warnings.map((warning) => `  ${markOf('warning')} ${warning}`),
    `${markOf('ok')} Plan: ${planHeadline(plan)}   — --dry-run --diff shows it`,
  ].join('\n')
}

function actionLines(plan: PrintablePlan): string[] {
  const verbs: Readonly<Record<string, string>> = {
    archive: 'archive the original as',
    'archive-checksum': 'with its checksum     ',
    'archive-readme': 'with its README       ',
    'call-site': 'rewrite               ',
    wrapper: plan.strategy === 'shadow' ? 'put a roll-out wrapper' : 'put a wrapper         ',
  }
  return plan.files.map(({role, path, after}) => {
    const hash = role === 'archive' ? `  sha256 ${after.sha256.slice(0, 12)}…` : ''
    return `${verbs[role] ?? role} ${path}${hash}`
  })
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', bold(title), ...indent(upTo(lines, 50, 'see --json'))]
}

/** Items with the same reason under one heading, in the order of the first of each. */
function byReason(items: ReadonlyArray<{readonly text: string; readonly reason: string}>): string[] {
  const groups = new Map<string, string[]>()
  for (const {text, reason} of items) groups.set(reason, [...(groups.get(reason) ?? []), text])
  return [...groups].flatMap(([reason, texts]) => [`${reason}:`, ...indent(upTo(texts, 20, 'see --json'))])
}

/** What the user may want to read in full, before and after: lines added, names, what was left alone. */
function planDetails(plan: PrintablePlan): string[] {
  const rewrites = plan.rewrites.map(({path, line, inserted, reason}) => ({
    text: `${path}:${line}  ${inserted}`,
    reason,
  }))
  const names = plan.names.map(({path, line, cell, name, consequence}) => {
    const inCell = cell === undefined ? '' : ` (cell ${cell})`
    return `${path}:${line}${inCell}  ${name}: ${consequence}`
  })
  return [
    ...section('Lines added to call sites', byReason(rewrites)),
    ...section('Names', names),
    ...section('Left alone', byReason(plan.left.map(({path, reason}) => ({text: path, reason})))),
    ...section('Warnings', plan.warnings),
    ...section(
      'In the way',
      plan.blockers.map(({path, problem, advice}) => `${path} ${problem}; try: ${advice}`),
    ),
  ]
}

function renderPlanned(report: PrintableMigration, plan: PrintablePlan): string[] {
  const diffs = plan.files.flatMap(({diff}) => (diff === null ? [] : [colouredDiff(diff.trimEnd())]))
  return [
    renderPlanSummary(plan, report.scan).replace('   — --dry-run --diff shows it', ''),
    ...section('Changes', actionLines(plan)),
    ...planDetails(plan),
    ...(diffs.length > 0 ? ['', ...diffs] : []),
    '',
    plan.blockers.length > 0
      ? 'Nothing was changed.'
      : `Nothing was changed. Apply it: npubridge migrate ${quoted(report.root)}`,
  ]
}

/** The checks of one importer, which may be tried as a script and as part of a package. */
function byImporter(checks: readonly PrintableCheck[]): Map<string, PrintableCheck[]> {
  const files = new Map<string, PrintableCheck[]>()
  for (const check of checks) {
    const file = /^(.*) as (?:a script|[\w.]+)$/.exec(check.name)?.[1]
    if (file !== undefined) files.set(file, [...(files.get(file) ?? []), check])
  }

  return files
}

function checkLines(checks: readonly PrintableCheck[]): string[] {
  return checks.map(({name, problem}) => `${name}: ${problem ?? 'failed'}`)
}

/** `9 of 9 importers import`: an importer counts when it imports in one way at least. */
function renderVerification({verification, wrappers}: PrintableMigration): string[] {
  if (!verification) return []
  const importers = [...byImporter(verification.after)]
  const broken = importers.filter(([, checks]) => checks.every(({ok}) => !ok))
  const command = verification.after.find(({name}) => name.startsWith('command: '))
  const summary = [
    `${importers.length - broken.length} of ${count(importers.length, 'importer')} import`,
    ...(command ? [`${command.name.slice('command: '.length)} ${command.ok ? 'passes' : 'fails, as before'}`] : []),
  ]
  const asBefore = broken.map(([file, checks]) => `${file}: ${checks[0]?.problem ?? 'failed'}`)
  return [
    `${markOf('ok')} Verified   ${summary.join('; ')}`,
    ...(broken.length > 0 ? [`  ${markOf('none')} ${count(broken.length, 'importer')} failed before as well`] : []),
    ...indent(upTo(asBefore, 10, 'see --json'), '      '),
    ...wrappers
      .filter(({active}) => active === 'archive')
      .map(({path, reason}) => `  ${markOf('warning')} ${path} runs the archived original for now: ${reason ?? ''}`),
  ]
}

function renderMigrated(report: PrintableMigration): string[] {
  const files = report.plan?.files ?? []
  const roll = report.plan?.strategy === 'shadow'
  return [
    ...files
      .filter(({role}) => role === 'archive')
      .map(({path, after}) => `${markOf('ok')} Archived   ${path}  sha256 ${after.sha256.slice(0, 12)}…`),
    ...files.filter(({role}) => role === 'call-site').map(({path}) => `${markOf('ok')} Rewritten  ${path}`),
    ...files.filter(({role}) => role === 'wrapper').map(({path}) => `${markOf('ok')} Installed  ${path}`),
    ...(report.plan?.install ? [`${markOf('ok')} Installed  ${report.plan.install.spec}`] : []),
    ...renderVerification(report),
    ...(report.plan ? [...planDetails(report.plan), ''] : []),
    ...(roll
      ? [
          '  The original stays active; NPUBRIDGE_ROLLOUT=0..100 is the share of calls that npubridge answers.',
          `  Finish:        npubridge migrate promote ${quoted(report.root)}`,
        ]
      : []),
    `  Undo any time: npubridge migrate rollback ${quoted(report.root)}`,
  ]
}

function renderRolledBack(report: PrintableMigration): string[] {
  return [
    `${markOf('failed')} Verification failed, and everything was taken back: the tree is as it was.`,
    ...indent(checkLines(report.verification?.regressions ?? [])),
    `  These worked before. See them again: npubridge migrate ${quoted(report.root)} --dry-run`,
  ]
}

/** How a migration ended, for stdout. */
export function renderMigration(report: PrintableMigration): string {
  const at = quoted(report.root)
  switch (report.status) {
    case 'planned': {
      return report.plan ? renderPlanned(report, report.plan).join('\n') : ''
    }

    case 'migrated': {
      return renderMigrated(report).join('\n')
    }

    case 'rolled-back': {
      return renderRolledBack(report).join('\n')
    }

    case 'already-migrated': {
      return `${markOf('ok')} Already migrated: nothing was changed. See npubridge migrate status ${at}`
    }

    case 'declined': {
      return 'Nothing was changed.'
    }

    default: {
      return `${markOf('ok')} No legacy module here: nothing to do.`
    }
  }
}
