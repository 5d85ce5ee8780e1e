/** Flags that say what runs operations. */
import {Flags} from '@oclif/core'

const ENGINE = {helpGroup: 'ENGINE'} as const

export const deviceFlags = {
  device: Flags.option({options: ['auto', 'npu', 'gpu', 'cpu'] as const})({
    ...ENGINE,
    description: 'device that texts are embedded on; auto, the default, tries npu, gpu, cpu',
  }),
  runtime: Flags.string({...ENGINE, description: 'folder of the OpenVINO runtime to use', helpValue: 'DIR'}),
}
