/** What a workflow tells while it runs. */
import type {ErrorReport} from '../errors.ts'
import type {WorkflowReport} from './report.ts'

export type TaskStatus = 'cancelled' | 'completed' | 'failed' | 'routed' | 'skipped'

export type WorkflowEvent =
  | {
      readonly type: 'workflow_started'
      readonly workflow: string
      readonly tasks: number
      /** Tasks that an earlier run has completed. */
      readonly resumed: number
    }
  | {readonly type: 'note'; readonly text: string}
  | {readonly type: 'task_retried'; readonly task: string; readonly attempt: number; readonly error: ErrorReport}
  | (TaskOutcome & {readonly type: 'task_settled'; readonly task: string; readonly agent: string})
  | {readonly type: 'task_started'; readonly task: string; readonly agent: string; readonly attempt: number}
  | {readonly type: 'workflow_finished'; readonly report: WorkflowReport}

export interface TaskOutcome {
  readonly status: TaskStatus
  readonly durationMs: number
  readonly output?: unknown
  readonly error?: ErrorReport
  /** Why it was skipped. */
  readonly reason?: string
  readonly note?: string
}

export type WorkflowListener = (event: WorkflowEvent) => void
