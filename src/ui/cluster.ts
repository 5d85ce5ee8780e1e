/** What `worker` and the commands of `cluster` say. */
export interface JoinedView {
  readonly node: string
  readonly queue: string
  readonly engine: string
  readonly devices: readonly string[]
  readonly capacity: number
  readonly agents: readonly string[]
}

export function renderJoined({agents, capacity, devices, engine, node, queue}: JoinedView): string {
  const where = devices.length === 0 ? '' : ` on ${devices.join(', ')}`
  return [
    `${node} has joined ${queue}`,
    `  Runs      ${engine} engine${where}, up to ${capacity} operations at once from each lane`,
    ...(agents.length === 0 ? [] : [`  Agents    ${agents.join(', ')}`]),
    '  Stop it with Ctrl-C: what it has is ended first',
  ].join('\n')
}

export type WorkerEventView =
  | {readonly type: 'problem'; readonly message: string}
  | {readonly type: 'redis'; readonly isThere: boolean}
  | {readonly type: 'state'; readonly state: string}

export function renderWorkerEvent(event: WorkerEventView): string {
  switch (event.type) {
    case 'problem': {
      return `! ${event.message}`
    }

    case 'redis': {
      return event.isThere
        ? '✔ Redis is back'
        : '! Redis is away; what is under way goes on, and is answered when it is back'
    }

    case 'state': {
      return event.state === 'ready' ? '✔ takes operations' : `! ${event.state}`
    }
  }
}
