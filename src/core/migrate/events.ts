/** What a migration tells while it works. Data only: the words are chosen by who shows it. */
export type MigrateEvent =
  | {readonly type: 'phase'; readonly phase: Phase; readonly state: 'done' | 'started'; readonly detail?: string}
  | {readonly type: 'progress'; readonly phase: Phase; readonly done: number; readonly total: number | null}
  | {readonly type: 'step'; readonly step: string; readonly state: 'done' | 'started' | 'undone'}
  | {readonly type: 'warning'; readonly message: string}

export type Phase = 'apply' | 'baseline' | 'plan' | 'recover' | 'rollback' | 'scan' | 'stage' | 'verify'

export type Emit = (event: MigrateEvent) => void

export const ignoreEvents: Emit = () => {
  // For callers that do not watch.
}
