/** What `bench` takes. */
import {Flags} from '@oclif/core'

const named = {multiple: true, multipleNonGreedy: true} as const

/** @param suites the names of all suites */
export function benchFlags(suites: readonly string[]) {
  return {
    quick: Flags.boolean({description: 'fewer rounds, for a first look or a smoke test'}),
    suite: Flags.string({...named, description: `only this suite: ${suites.join(', ')}`, helpValue: 'NAME'}),
    list: Flags.boolean({description: 'tell what can be measured, and measure nothing'}),
    runs: Flags.integer({description: 'rounds of each side', min: 1}),
    duration: Flags.string({description: 'how long a round goes on', helpValue: '60ms'}),
    legacy: Flags.string({description: 'the old Python module; a reference of it when absent', helpValue: 'PATH'}),
    model: Flags.string({description: 'model of the suite inference: a name or a path', helpValue: 'NAME'}),
    device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
      default: 'auto',
      description: 'device of the accelerated side; auto tries npu, gpu, cpu',
    }),
    engine: Flags.option({options: ['auto', 'native', 'openvino-node'] as const})({
      default: 'auto',
      description: 'engine of the accelerated side',
    }),
    runtime: Flags.string({description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
    'fail-below': Flags.string({
      ...named,
      description: 'exit with 3 when the accelerated median is below this, for metrics where higher is better',
      helpGroup: 'CHECK',
      helpValue: 'SUITE.METRIC=VALUE',
    }),
    'fail-above': Flags.string({
      ...named,
      description: 'exit with 3 when the accelerated median is above this, for metrics where lower is better',
      helpGroup: 'CHECK',
      helpValue: 'SUITE.METRIC=VALUE',
    }),
  }
}
