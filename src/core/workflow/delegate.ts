/** Others that do tasks: the workers of a pool. */
import type {TaskContext} from '../agents/agent.ts'

export interface Delegate {
  /** Whether one of them runs this agent. */
  hasAgent(name: string): boolean
  /** Has a task done by its agent there. */
  doTask(context: TaskContext): Promise<{readonly note: null | string; readonly output: unknown}>
}
