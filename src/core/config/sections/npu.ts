import {z} from 'zod'

import {amount, PRECISIONS, setting, whole} from '../section.ts'

export const npu = z
  .strictObject({
    device_id: setting(whole(0, 255), 'Which NPU is used where there are several: 1 stands for NPU.1.', {
      note: 'all of them, in their order',
    }),
    max_batch_size: setting(whole(1, 1024), 'The most operations in one inference on an NPU.', {
      note: 'batching.max',
    }),
    precision: setting(
      z.enum(PRECISIONS),
      'Precision of inferences on an NPU. INT8 needs a model that is quantised; what the NPU lacks is left out, and load_model says so.',
      {note: 'what the NPU prefers'},
    ),
    memory_limit_mb: setting(amount(0), 'The same as resources.npu_memory_mb.', {note: 'what the NPU tells'}),
    enable_caching: setting(z.boolean(), 'Whether models compiled for an NPU are kept on disk.', {default: true}),
  })
  .optional()
  .meta({description: 'What holds for NPUs only.'})
