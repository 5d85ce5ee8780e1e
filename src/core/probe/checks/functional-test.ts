import type {Facts} from '../facts.ts'

import {type Check, fail, pass, skip, type Verdict} from './check.ts'

export const functionalTest: Check = {
  id: 'functional-test',
  title: 'Every device computes, and computes right',
  explanation:
    "With --test, a tiny model and the first model that has been fetched run on each device, and their numbers are compared with the CPU's. A device that is listed may still fail to compile, hang, or compute nonsense.",
  needs: ['runtime-missing', 'enumeration-crash'],
  detect: judge,
  remedy: (_, {tests}) => [
    ...new Set((tests ?? []).flatMap(({error}) => error?.suggestions ?? [])),
    'leave the device out until it is mended: --device gpu or --device cpu',
  ],
  source: 'https://github.com/openvinotoolkit/openvino/issues/28211',
}

function judge({tests}: Facts): Verdict {
  if (!tests) return skip('only with --test')
  const failed = tests.filter(({ok}) => !ok)
  const [first] = failed
  if (!first) return pass(...new Set(tests.map(({device, model}) => `${model} on ${device}`)))
  const evidence = failed.map(({device, error, model}) => `${model} on ${device}: ${error?.message.split('\n', 1)[0]}`)
  return fail(`${first.device} does not run a model as it should.`, ...evidence)
}
