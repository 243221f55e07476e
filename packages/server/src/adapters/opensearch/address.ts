import { Failure } from '../../ports/failure.ts'

/** Where a search cluster is, and what its indexes are called there. */
export interface Address {
  /** One or more nodes: `https://host:9200`. */
  readonly nodes: readonly string[]
  /** What the names of its indexes begin with. */
  readonly prefix: string
  /** The nodes without the scheme, for messages. */
  readonly hosts: string
}

const ADDRESS = /^(https?):\/\/([^/?#@\s]+)(?:\/([^?#]*))?$/
const HOST = /^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i
/** What a search engine allows in a name, less what it reserves. */
const PREFIX = /^[a-z0-9][a-z0-9_-]{0,99}$/

/** Reads `http(s)://host:port,host:port/prefix`. Throws a Failure of class operator. */
export function addressOf(url: string): Address {
  const [, scheme, hosts = '', path = ''] = ADDRESS.exec(url) ?? []
  const each = hosts.split(',')
  const isGood = each.every((host) => {
    const port = HOST.exec(host)
    return port !== null && Number(port[1] ?? 0) <= 65_535
  })
  if (scheme === undefined || !isGood)
    throw new Failure(
      'operator',
      'the URL of the search index is no address of OpenSearch or Elasticsearch: write https://host:9200,host:9200/prefix, with user and password in settings of their own',
    )
  const prefix = path.replace(/\/$/, '') || 'holdfast'
  if (!PREFIX.test(prefix))
    throw new Failure(
      'operator',
      `the URL of the search index ends with ${JSON.stringify(prefix)}, with which no index can begin: use lower-case letters, digits, - and _`,
    )
  return { nodes: each.map((host) => `${scheme}://${host}`), prefix, hosts }
}
