/** The settings that belong to no section. */
import {z} from 'zod'

import {amount, DEVICES, setting, whole} from '../section.ts'

export const general = {
  device: setting(z.enum(DEVICES), 'Device to run on; auto tries npu, gpu, cpu.', {default: 'auto'}),
  engine: setting(
    z.enum(['auto', 'native', 'openvino-node', 'legacy']),
    'What executes operations; auto tries native, openvino-node, legacy.',
    {default: 'auto'},
  ),
  runtime: setting(z.string().min(1), 'Folder of the OpenVINO runtime; only the native engine loads one.', {
    note: 'found on this machine',
  }),
  legacy_module: setting(z.string().min(1), 'Python module of the legacy engine.', {
    note: 'the reference that comes with npubridge',
  }),
  profile: setting(
    z.string().min(1),
    'What devices are tuned for: latency, throughput, efficiency, or a name from the section profiles.',
    {default: 'latency'},
  ),
  target_ops_per_sec: setting(
    amount(1),
    'Throughput that is wanted, in operations a second: tune says whether a setting reaches it, advise whether a snapshot did.',
    {note: 'none'},
  ),
  max_latency_us: setting(
    whole(1),
    'Longest time that an operation may take, in microseconds: the constraint of tune unless it is given one, and the limit of batching.delay_us.',
    {note: 'none'},
  ),
  worker_threads: setting(whole(1, 256), 'Threads for operations that need no device.', {
    note: 'one less than the cores, from 1 to 4',
  }),
  aging_ms: setting(amount(0), 'After how long a waiting operation is overdue, in milliseconds.', {default: 1000}),
  aging_every: setting(whole(1, 1_000_000), 'Every n-th pick goes to the longest overdue operation.', {default: 8}),
  retries: setting(
    whole(0, 1000),
    'How often an operation is tried again after a failure of its device, before it is tried on another one.',
    {
      default: 3,
    },
  ),
  hang_after_ms: setting(amount(1), 'After how long a running inference counts as hung, in milliseconds.', {
    default: 30_000,
  }),
  stream_idle_ms: setting(amount(1), 'After how long an idle stream is forgotten, in milliseconds.', {
    default: 300_000,
  }),
  metrics: setting(z.boolean(), 'Whether histograms of latencies are kept.', {default: true}),
  agents: setting(z.string().min(1), 'Folder of agent files for routing.', {note: 'none'}),
}
