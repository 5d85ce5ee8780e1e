/** The program of the process that has one setting open. See trial-process.ts. */
import {answerRequests} from '../bench/child-program.ts'
import {energyMeter} from './energy.ts'
import {type Opened, type TrialRequest} from './trial-process.ts'
import {openTrial, Skipped, type Trial} from './trial.ts'

let trial: Trial | undefined

async function open({candidate, measuresEnergy, subject}: Extract<TrialRequest, {type: 'open'}>): Promise<Opened> {
  try {
    const meter = measuresEnergy ? energyMeter((subject.device ?? 'cpu').toUpperCase()) : undefined
    trial = await openTrial(candidate, subject, meter && 'source' in meter ? meter : null)
    const {health, loaded} = trial
    return {health, loaded}
  } catch (error) {
    if (error instanceof Skipped) return {skipped: error.message}
    throw error
  }
}

answerRequests<TrialRequest>(async (request) => {
  switch (request.type) {
    case 'open': {
      return open(request)
    }

    case 'measure': {
      return {...(await trial!.measure(request.milliseconds)), memoryBytes: process.memoryUsage.rss()}
    }

    case 'close': {
      await trial?.[Symbol.asyncDispose]()
      return null
    }
  }
})
// An interruption is the business of whoever asked, who then closes this.
process.on('SIGINT', () => {})
