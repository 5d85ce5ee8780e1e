/** What the server itself counts, for Prometheus, besides what its engine does. */

type Protocol = 'grpc' | 'http' | 'websocket'

export class ServerMetrics {
  /** Requests that are being read, run or answered. */
  inFlight = 0
  /** WebSockets that are open. */
  sockets = 0
  receivedBytes = 0
  sentBytes = 0
  readonly #answers: Readonly<Record<Protocol, Map<number | string, number>>> = {
    grpc: new Map(),
    http: new Map(),
    websocket: new Map(),
  }

  /** @param status an HTTP status, the name of a gRPC status, or the code of an error; `ok` for a WebSocket's success */
  answered(protocol: Protocol, status: number | string): void {
    const answers = this.#answers[protocol]
    answers.set(status, (answers.get(status) ?? 0) + 1)
  }

  /** In the exposition format of Prometheus. */
  text(): string {
    const families = [
      ['npubridge_server_requests_in_flight', 'gauge', 'Requests being read, run or answered.', this.inFlight],
      ['npubridge_server_websockets', 'gauge', 'WebSockets that are open.', this.sockets],
      ['npubridge_server_received_bytes_total', 'counter', 'Bytes of requests.', this.receivedBytes],
      ['npubridge_server_sent_bytes_total', 'counter', 'Bytes of answers.', this.sentBytes],
      ['npubridge_server_resident_bytes', 'gauge', 'Memory of the process.', process.memoryUsage.rss()],
    ] as const
    const lines = families.flatMap(([name, type, help, value]) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      `${name} ${value}`,
    ])
    lines.push(
      '# HELP npubridge_server_requests_total Requests answered, by protocol and status.',
      '# TYPE npubridge_server_requests_total counter',
    )
    for (const [protocol, answers] of Object.entries(this.#answers)) {
      for (const [status, count] of answers) {
        lines.push(`npubridge_server_requests_total{protocol="${protocol}",status="${status}"} ${count}`)
      }
    }

    return `${lines.join('\n')}\n`
  }
}
