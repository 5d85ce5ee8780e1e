import type {PyModule, PyNode} from './tree.ts'

import {moduleNames, type ModuleNames, scopeNodes} from './bindings.ts'

/**
 * What the legacy module looks like, whatever its file is called: the methods of its one class and the names beside it.
 * Single names occur elsewhere too; the share of them that is there does not.
 */
export type Generation = 'v1' | 'v2'

interface Shape {
  readonly methods: readonly string[]
  readonly companions: readonly string[]
}

const SHAPES: Record<Generation, Shape> = {
  v1: {
    methods: [
      'load_agent_cache',
      'calculate_priority',
      'create_workflow',
      'optimize_workflow',
      'npu_select_agent',
      'resolve_dependencies',
      'group_by_execution_level',
      'execute_workflow',
      'execute_single_task',
      'calculate_npu_utilization',
      'calculate_coordination_overhead',
      'update_performance_metrics',
      'get_performance_summary',
    ],
    companions: ['CoordinationMode', 'WorkflowTask', 'WorkflowResult', 'performance_test'],
  },
  v2: {
    methods: ['submit_operation', 'get_result', 'get_performance_stats', 'shutdown'],
    companions: [
      'NPUOperation',
      'NPUResult',
      'create_npu_bridge',
      'get_bridge_status',
      'LegacyNPUCoordinator',
      'get_global_bridge',
    ],
  },
}

/** Copies have been trimmed and extended by hand; below this share of methods and of companions it is something else. */
const LEAST_METHODS = 0.6
const LEAST_COMPANIONS = 0.5

export const BRIDGE_CLASS = 'NPUCoordinationBridge'

export interface LegacyShape {
  readonly generation: Generation
  /** What the class is called in this copy. */
  readonly className: string
  readonly names: ModuleNames
}

/** Bytes without one of these hold neither the module nor a caller that names it. */
export const SHAPE_MARKERS = [BRIDGE_CLASS, 'group_by_execution_level', 'submit_operation']

function methodsOf(classNode: PyNode): Set<string> {
  const body = classNode.field('body')
  const methods = body ? [...scopeNodes(body)].filter((node) => node.kind === 'function_definition') : []
  return new Set(methods.map((node) => node.field('name')!.text))
}

function share(wanted: readonly string[], has: (name: string) => boolean): number {
  return wanted.filter((name) => has(name)).length / wanted.length
}

/** The legacy module that this file is, or null. A class that merely inherits the methods is a caller. */
export function legacyShape(file: PyModule): LegacyShape | null {
  const names = moduleNames(file.root)
  const classes = [...scopeNodes(file.root)].filter((node) => node.kind === 'class_definition')
  for (const generation of ['v1', 'v2'] as const) {
    const shape = SHAPES[generation]
    if (share(shape.companions, (name) => isOwn(names, name)) < LEAST_COMPANIONS) continue
    const found = classes.find((node) => share(shape.methods, (name) => methodsOf(node).has(name)) >= LEAST_METHODS)
    if (found) return {generation, className: found.field('name')!.text, names}
  }

  return null
}

/** Defined in the file itself; what re-exports the names only is no copy. */
function isOwn(names: ModuleNames, name: string): boolean {
  const binding = names.bindings.get(name)
  return binding !== undefined && binding.kind !== 'import'
}
