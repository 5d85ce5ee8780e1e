/** The account of a workflow. */
import type {NativeWorkflow} from '../engine/binding.ts'

export interface AgentUse {
  readonly agent: string
  readonly tasks: number
  readonly completed: number
  readonly routed: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  readonly busyUs: number
  /** How many of its tasks ran at a time on average. */
  readonly utilisation: number
}

export interface WorkflowReport {
  readonly workflow: string
  readonly total: number
  /** Those of an earlier run included. */
  readonly completed: number
  readonly resumed: number
  /** Assigned to an agent that nobody stands for, not executed. */
  readonly routed: number
  readonly failed: number
  readonly skipped: number
  readonly cancelled: number
  readonly successRate: number
  readonly elapsedUs: number
  /** Time in which at least one task ran. */
  readonly activeUs: number
  /** The rest: planning, going from task to task, and waiting. */
  readonly overheadUs: number
  /** The running times of all tasks added up. */
  readonly busyUs: number
  readonly peakRunning: number
  /** The chain of tasks that took longest, and how long: more places make the workflow no quicker than this. */
  readonly criticalPath: readonly string[]
  readonly criticalPathUs: number
  readonly agents: readonly AgentUse[]
  /** Whether it was stopped before its end; it can be resumed then. */
  readonly interrupted: boolean
}

type Summary = Omit<WorkflowReport, 'criticalPath' | 'interrupted' | 'resumed' | 'workflow'> & {
  readonly criticalPath: readonly number[]
}

export interface ReportFacts {
  readonly workflow: string
  readonly ids: readonly string[]
  readonly resumed: number
  readonly interrupted: boolean
}

export function reportOf(native: NativeWorkflow, nowUs: number, facts: ReportFacts): WorkflowReport {
  const {criticalPath, ...summary} = JSON.parse(native.summary(nowUs)) as Summary
  const {ids, interrupted, resumed, workflow} = facts
  return {workflow, ...summary, criticalPath: criticalPath.map((task) => ids[task]!), interrupted, resumed}
}
