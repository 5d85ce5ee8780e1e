/** What a workflow may be run for: each stands for settings that it does not give itself, see modes.ts. */
export const MODES = [
  'npu_accelerated',
  'parallel_optimized',
  'intelligent_routing',
  'performance_first',
  'reliability_first',
] as const
export type Mode = (typeof MODES)[number]
