import type {Generation} from '../scan/shape.ts'

/** What callers of the first generation import. */
const V1_NAMES = [
  'COORDINATION_AVAILABLE',
  'CoordinationMode',
  'NPUCoordinationBridge',
  'NPU_AVAILABLE',
  'WorkflowResult',
  'WorkflowTask',
  'get_agents_dir',
  'get_database_dir',
  'get_project_root',
  'get_python_src_dir',
] as const

/** What callers of the second generation import. */
const V2_NAMES = [
  'FALLBACK_MODE',
  'LegacyNPUCoordinator',
  'NPUCoordinationBridge',
  'NPUOperation',
  'NPUResult',
  'Priority',
  'RUST_BRIDGE_AVAILABLE',
  'create_npu_bridge',
  'get_bridge_status',
  'get_global_bridge',
] as const

/** Direct bindings that the second generation promised; the wrapper passes them on when compat has them. */
const DIRECT_NAMES = ['NPUBridge', 'RustNPUBridge', 'create_default_bridge', 'get_system_info'] as const

/** What every wrapper passes on from npubridge.compat, which serves both generations from one module. */
export const WRAPPER_NAMES: readonly string[] = [...new Set([...V1_NAMES, ...V2_NAMES])].toSorted()

/** What npubridge.compat is known to have. */
export const COMPAT_NAMES: ReadonlySet<string> = new Set([...WRAPPER_NAMES, ...DIRECT_NAMES])

/** What the module does when it is run as a script. The test was a function in some copies and a method in others. */
export const MAIN: Record<Generation, string> = {
  v1: `import asyncio as _npubridge_asyncio

    _npubridge_test = getattr(_npubridge_compat, "performance_test", None) or NPUCoordinationBridge().performance_test
    print(_npubridge_asyncio.run(_npubridge_test()))`,
  v2: 'print(get_bridge_status())',
}
