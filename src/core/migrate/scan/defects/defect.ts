import type {PyModule, PyNode} from '../tree.ts'

/** The six known defects of the legacy module, in the order in which they are documented. */
export const DEFECTS = {
  'shell-syntax-in-path': 'Shell syntax in a Python string used as a path: no shell ever expands it',
  'missing-import': 'A name is used that is neither imported nor defined',
  'unbounded-cache': 'A cache or history that only ever grows',
  'swallowed-exception': 'An exception is caught and dropped',
  'unguarded-shared-state': 'State shared by concurrent tasks or threads is changed without a guard',
  'cyclic-dependencies': 'Circular dependencies recurse or loop without end, or the order costs quadratic time',
} as const

export type DefectKind = keyof typeof DEFECTS

export const DEFECT_KINDS = Object.keys(DEFECTS) as DefectKind[]

export interface Defect {
  readonly kind: DefectKind
  /** 1-based. */
  readonly line: number
  readonly column: number
  /** What is wrong at this place, naming it. */
  readonly explanation: string
}

export type Detector = (file: PyModule) => Iterable<Defect>

export function defectAt(kind: DefectKind, node: PyNode, explanation: string): Defect {
  return {kind, ...node.position, explanation}
}
