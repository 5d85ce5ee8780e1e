import type {Activity} from '../live/activity.ts'
import type {Monitor} from '../live/monitor.ts'
import type {ServeLimits} from '../options.ts'
import type {Access} from '../security/access.ts'
import type {ServeLog} from '../serve-log.ts'
import type {ServerMetrics} from '../server-metrics.ts'
import type {InferenceService} from '../service/inference-service.ts'
import type {ByteBudget} from './body.ts'

export interface HttpContext {
  readonly service: InferenceService
  readonly access: Access
  readonly metrics: ServerMetrics
  readonly limits: ServeLimits
  readonly budget: ByteBudget
  readonly log: ServeLog
  /** What errors clients were told. */
  readonly activity: Activity
  readonly monitor: Monitor
  /** Whether the dashboard is at `/`. */
  readonly offersPage: boolean
}
