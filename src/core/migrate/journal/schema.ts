import {z} from 'zod'

/**
 * The journal of one migration: what was going to be done, written and synced before the first change, and how far it
 * got. It is read back by whichever process comes next, so its shape is checked.
 */
export const JOURNAL_FORMAT = 1

const HASH = z.string().regex(/^[0-9a-f]{64}$/)

/** Relative to the root, `/` between the parts, never leading out of it. */
const INSIDE = z
  .string()
  .min(1)
  .refine((path) => !path.startsWith('/') && !path.split('/').includes('..'), 'leads out of the tree')

const FILE_STATE = z.object({
  sha256: HASH,
  mode: z.int().min(0).max(0o7777),
  uid: z.int().nullable(),
  gid: z.int().nullable(),
})

/** `started` is written before a step, `done` after it: a crash leaves at most one step in between. */
const STEP_STATE = z.enum(['pending', 'started', 'done', 'undone'])

const FOLDER_STEP = z.object({type: z.literal('folder'), path: INSIDE, state: STEP_STATE})

const FILE_STEP = z.object({
  type: z.literal('file'),
  role: z.enum(['archive', 'archive-checksum', 'archive-readme', 'call-site', 'wrapper']),
  action: z.enum(['create', 'replace']),
  path: INSIDE,
  before: FILE_STATE.nullable(),
  after: FILE_STATE,
  /** The new content until it is put in place; relative to the journal's folder. */
  staged: INSIDE,
  /** The old content until the migration is rolled back; relative to the journal's folder. */
  backup: INSIDE.nullable(),
  state: STEP_STATE,
})

const PACKAGE = z.object({name: z.string(), version: z.string()})

const INSTALL_STEP = z.object({
  type: z.literal('install'),
  python: z.string().min(1),
  spec: z.string().min(1),
  /** The folder that it comes from; null for wherever pip is set up to look. */
  wheels: z.string().nullable(),
  /** What pip brings and was not there before: what a rollback takes away again. */
  packages: z.array(PACKAGE),
  state: STEP_STATE,
})

const STEP = z.discriminatedUnion('type', [FOLDER_STEP, FILE_STEP, INSTALL_STEP])

export const JOURNAL_STATES = ['applying', 'verifying', 'done', 'rolling-back', 'rolled-back'] as const

const TURN = z.object({state: z.enum(JOURNAL_STATES), at: z.string()})

const CHECK_OUTCOME = z.object({
  name: z.string(),
  ok: z.boolean(),
  /** Why it failed. */
  problem: z.string().nullable(),
})

export const JOURNAL = z.object({
  format: z.literal(JOURNAL_FORMAT),
  id: z.string().regex(/^[0-9TZ]+-[0-9a-f]+$/),
  kind: z.enum(['migrate', 'promote']),
  strategy: z.enum(['replace', 'shadow']),
  /** Of npubridge. */
  version: z.string(),
  state: z.enum(JOURNAL_STATES),
  /** Each state with the time at which it began, ISO 8601. */
  history: z.array(TURN),
  /** Why it was or is being rolled back; null when it was not. */
  reason: z.string().nullable(),
  steps: z.array(STEP),
  /** What is verified and how it was before, so that another process can finish the job. */
  verification: z.object({
    python: z.string().nullable(),
    command: z.string().nullable(),
    importers: z.array(INSIDE),
    /** Whether a wrapper that falls back to the archive counts as failed. */
    requireNpubridge: z.boolean(),
    before: z.array(CHECK_OUTCOME),
  }),
})

export type JournalData = z.infer<typeof JOURNAL>
export type JournalState = JournalData['state']
export type Step = z.infer<typeof STEP>
export type StepState = Step['state']
export type FileStep = z.infer<typeof FILE_STEP>
export type FolderStep = z.infer<typeof FOLDER_STEP>
export type InstallStep = z.infer<typeof INSTALL_STEP>
export type CheckOutcome = z.infer<typeof CHECK_OUTCOME>

/** Whether another process has to finish what this one began. */
export function isUnfinished(state: JournalState): boolean {
  return state !== 'done' && state !== 'rolled-back'
}
