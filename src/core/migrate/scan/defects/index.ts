import type {PyModule} from '../tree.ts'
import type {Defect, Detector} from './defect.ts'

import {cyclicDependencies} from './cyclic-dependencies.ts'
import {missingImports} from './missing-imports.ts'
import {unguardedSharedState} from './shared-state.ts'
import {shellSyntaxInPaths} from './shell-syntax.ts'
import {swallowedExceptions} from './swallowed-exceptions.ts'
import {unboundedCaches} from './unbounded-caches.ts'

const DETECTORS: readonly Detector[] = [
  shellSyntaxInPaths,
  missingImports,
  unboundedCaches,
  swallowedExceptions,
  unguardedSharedState,
  cyclicDependencies,
]

/** The known defects of a legacy module, by place. */
export function findDefects(file: PyModule): Defect[] {
  return DETECTORS.flatMap((detect) => [...detect(file)]).toSorted((a, b) => a.line - b.line || a.column - b.column)
}
