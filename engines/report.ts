import type { Security } from './security/security.ts'
import type { Status } from './status.ts'

/** For people: a line for each engine, and under it one for each process. */
export function printed(statuses: readonly Status[]): string {
  return statuses.map((status) => `${lines(status).join('\n')}\n`).join('\n')
}

function lines({
  id,
  version,
  state,
  url,
  since,
  folder,
  security,
  memoryBytes,
  ownerPid,
  processes,
}: Status): readonly string[] {
  const owner = ownerPid === null ? '' : `, of process ${ownerPid}`
  return [
    `${id} ${version}: ${state}${owner}`,
    `  url     ${url}`,
    ...(security === null ? [] : [securityLine(security)]),
    `  since   ${since}`,
    `  memory  ${mebibytes(memoryBytes)}`,
    `  folder  ${folder}`,
    ...processes.map(
      ({ name, pid, state, port, memoryBytes, log }) =>
        `  ${name}: ${state}, ${pid === null ? '' : `pid ${pid}, ${mebibytes(memoryBytes)}, `}port ${port}, log ${log}`,
    ),
  ]
}

function securityLine({ username, password, caFile }: Security): string {
  return `  user    ${username}, password ${password}, certificate authority ${caFile}`
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / (1 << 20))} MiB`
}
