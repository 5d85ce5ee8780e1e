/** What `bench` takes. */
import {Flags} from '@oclif/core'

import {ARRIVALS} from '../core/bench/arrivals.ts'
import {profileFlags} from './config.ts'

const several = {multiple: true, multipleNonGreedy: true} as const
const bound = {...several, helpGroup: 'CHECK', helpValue: 'SUITE.METRIC=VALUE'} as const
const output = {helpGroup: 'OUTPUT', helpValue: 'FILE'} as const
const compare = {helpGroup: 'COMPARE'} as const

/** The names of all suites and peers. */
export function benchFlags({peers, suites}: {peers: readonly string[]; suites: readonly string[]}) {
  return {
    ...profileFlags,
    quick: Flags.boolean({description: 'fewer rounds, for a first look or a smoke test'}),
    suite: Flags.string({...several, description: `only this suite: ${suites.join(', ')}`, helpValue: 'NAME'}),
    list: Flags.boolean({description: 'tell what can be measured, and measure nothing'}),
    runs: Flags.integer({description: 'rounds of each side', helpValue: 'N', min: 1}),
    duration: Flags.string({description: 'how long a round goes on', helpValue: '60ms'}),
    concurrency: Flags.integer({
      description: 'inferences in flight, where throughput is measured',
      helpValue: 'N',
      min: 1,
    }),
    rate: Flags.integer({description: 'operations a second of the suite load', helpValue: 'N', min: 1, max: 1_000_000}),
    arrivals: Flags.option({options: ARRIVALS})({description: 'how the operations of the suite load come'}),
    deadline: Flags.string({description: 'when an answer is in time in the suite load', helpValue: '10ms'}),
    peer: Flags.option({options: peers, ...several})({
      description: 'compare inferences with this program, where it is installed',
    }),
    legacy: Flags.string({description: 'the old Python module; a reference of it when absent', helpValue: 'PATH'}),
    model: Flags.string({description: 'model of the suite inference: a name or a path', helpValue: 'NAME'}),
    device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
      description: 'device of the accelerated side; auto, the default, tries npu, gpu, cpu',
    }),
    engine: Flags.option({options: ['auto', 'native', 'openvino-node'] as const})({
      description: 'engine of the accelerated side',
    }),
    runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
    'export-markdown': Flags.string({...output, description: 'write the report as Markdown'}),
    'export-csv': Flags.string({...output, description: 'write a line for each side of each metric'}),
    'export-html': Flags.string({...output, description: 'write one self-contained page with plots'}),
    'export-gha': Flags.string({
      ...output,
      description: 'write PREFIX-bigger.json and PREFIX-smaller.json for github-action-benchmark',
      helpValue: 'PREFIX',
    }),
    junit: Flags.string({...output, description: 'write a JUnit test for each metric'}),
    'fail-below': Flags.string({
      ...bound,
      description: 'exit with 3 when the accelerated median is below this, for metrics where higher is better',
    }),
    'fail-above': Flags.string({
      ...bound,
      description: 'exit with 3 when the accelerated median is above this, for metrics where lower is better',
    }),
    'save-baseline': Flags.string({
      ...compare,
      description: 'keep the report under this name, or in this .json file, to compare later runs with',
      helpValue: 'NAME',
    }),
    baseline: Flags.string({
      ...compare,
      description: 'compare with what was kept under this name, or in this .json file',
      exclusive: ['against'],
      helpValue: 'NAME',
    }),
    'force-baseline': Flags.boolean({
      ...compare,
      dependsOn: ['baseline'],
      description: 'let a regression count even where the machine or a version is another one',
    }),
    against: Flags.string({
      ...compare,
      description: 'compare with the build in this folder, measured in turns with this one',
      helpValue: 'DIR',
    }),
    'fail-on-regression': Flags.string({
      ...compare,
      description: 'exit with 3 when a metric is significantly worse, and by more than this share',
      helpValue: '5%',
    }),
  }
}
