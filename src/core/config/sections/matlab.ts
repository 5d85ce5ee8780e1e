import {z} from 'zod'

import {setting, whole} from '../section.ts'

export const matlab = z
  .strictObject({
    matlab_root: setting(z.string().min(1), 'The folder of MATLAB, what its own command matlabroot tells.', {
      note: 'MATLAB_ROOT, the usual places, `matlab` on PATH',
    }),
    enable_signal_processing: setting(z.boolean(), 'Whether signals may be worked out by MATLAB.', {default: true}),
    max_workers: setting(whole(1, 4096), 'Threads that MATLAB computes with (its maxNumCompThreads).', {
      note: 'as many as MATLAB chooses',
    }),
  })
  .optional()
  .meta({description: 'Where MATLAB is, for signals with `"backend": "matlab"`.'})
