import { Failure } from '../../ports/failure.ts'

export interface KafkaAddress {
  /** `host:port` each. */
  readonly brokers: readonly string[]
  readonly prefix: string
}

const DEFAULT_PREFIX = 'holdfast'
const DEFAULT_PORT = 9092
const HOST = /^(\[[0-9a-fA-F:]+\]|[^\s:/@[\]]+)(?::(\d{1,5}))?$/
/** What Kafka allows in a topic's name. */
const PREFIX = /^[A-Za-z0-9._-]{1,200}$/

/** Reads `kafka://host:9092,host2:9092/prefix`. Throws a Failure that says what is wrong with it. */
export function addressOf(url: string): KafkaAddress {
  const [, list, prefix = ''] = /^kafka:\/\/([^/]*)(?:\/(.*))?$/.exec(url) ?? []
  if (list === undefined || list === '')
    throw wrong(url, 'write kafka://host:9092 or kafka://host:9092,host2:9092/prefix')
  const brokers = list.split(',').map((host) => {
    const [, name, port = `${DEFAULT_PORT}`] = HOST.exec(host) ?? []
    if (name === undefined || Number(port) > 65_535) throw wrong(url, `"${host}" is no broker: write host:port`)
    return `${name}:${port}`
  })
  if (prefix !== '' && !PREFIX.test(prefix))
    throw wrong(url, `"${prefix}" cannot begin the names of topics: use letters, digits, ".", "_" and "-"`)
  return { brokers, prefix: prefix || DEFAULT_PREFIX }
}

function wrong(url: string, why: string): Failure {
  return new Failure('operator', `${url} is no address of Kafka: ${why}`)
}
