import {z} from 'zod'

import {amount, setting, whole} from '../section.ts'

export const resources = z
  .strictObject({
    memory_mb: setting(amount(0), 'Memory of all models; a MB has 2^20 bytes.', {
      note: 'half of the memory of the machine, or of its control group',
    }),
    npu_memory_mb: setting(amount(0), 'The part of it that models on an NPU may take.', {note: 'what the NPU tells'}),
    npu_slots: setting(whole(1, 1024), 'Inferences on an NPU at once.', {note: 'as many as the NPU wants'}),
    cpu_cores: setting(whole(1, 4096), 'Cores for inferences on the CPU, and for threads of the engine.', {
      note: 'all that this process may use',
    }),
    evict_idle: setting(z.boolean(), 'Whether idle models are unloaded to make room, least recently used first.', {
      default: true,
    }),
  })
  .optional()
  .meta({description: 'Limits of what models and inferences take.'})
