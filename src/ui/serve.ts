import {mark} from './mark.ts'
import {renderTable} from './table.ts'

export interface PrintableServer {
  readonly pid: number
  readonly startedAt: string
  readonly url: string
  readonly socket: string | null
  readonly grpc: string | null
  readonly models: string
  readonly needsToken: boolean
  readonly log: string | null
}

/** Where a server can be reached, and what to do next. */
export function renderStarted(
  server: PrintableServer,
  {isDetached, token}: {isDetached: boolean; token: string | null},
): string {
  const lines = [
    `${mark('ok')} Serving ${server.url}${server.grpc === null ? '' : ` · gRPC ${server.grpc}`}`,
    `  Models  ${server.models}`,
  ]
  if (token !== null)
    lines.push(`  Token   ${token}    shown this once; clients send it as Authorization: Bearer TOKEN`)
  else if (server.needsToken) lines.push('  Token   as before; --new-token makes another')
  if (isDetached) lines.push(`  Log     ${server.log ?? 'none'}`, `  Stop    npubridge serve stop ${server.pid}`)
  else lines.push('  Stop    Ctrl-C')
  return lines.join('\n')
}

export function renderServers(
  servers: ReadonlyArray<PrintableServer & {readonly ready: boolean | null; readonly reason: string | null}>,
): string {
  if (servers.length === 0) return 'No server runs here.  Start one: npubridge serve --detach'
  return renderTable({
    columns: [{title: 'process', align: 'right'}, {title: 'HTTP'}, {title: 'gRPC'}, {title: 'since'}, {title: 'ready'}],
    rows: servers.map(({grpc, pid, ready, reason, startedAt, url}) => [
      String(pid),
      url,
      grpc ?? 'none',
      startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
      ready ? `${mark('ok')} yes` : `${mark('failed')} ${reason ?? 'no'}`,
    ]),
  })
}

export function renderStopped(servers: ReadonlyArray<PrintableServer & {readonly how: 'drained' | 'killed'}>): string {
  if (servers.length === 0) return 'No server ran here.'
  return servers
    .map(({how, pid, url}) => {
      const what =
        how === 'drained' ? `${mark('ok')} Stopped` : `${mark('warning')} Killed, since it did not end in time:`
      return `${what} ${url} (process ${pid})`
    })
    .join('\n')
}
