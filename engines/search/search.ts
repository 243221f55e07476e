import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine, EngineName } from '../engine.ts'
import { COPY_JARS } from '../machine/maven.ts'
import { HOST } from '../machine/ports.ts'
import { JAVA, JAVAC, MAVEN, type Tool } from '../machine/tools.ts'

const COMPILE = {
  command: 'javac',
  args: ['-proc:none', '-nowarn', '-cp', join('lib', '*'), '-d', 'classes', 'Launcher.java'],
}

/** Elasticsearch, from 8 on, loads what speaks HTTP as a module of its own, from a folder with a description. */
const MODULE = join('modules', 'transport-netty4')
const MAKE_MODULE = [
  `mkdir -p ${MODULE}`,
  `mv lib/transport-netty4-*.jar lib/netty-*.jar ${MODULE}`,
  `sed s/VERSION/"$0"/ plugin-descriptor.properties > ${join(MODULE, 'plugin-descriptor.properties')}`,
].join(' && ')

export const OPENSEARCH = searchEngine({
  name: 'opensearch',
  title: 'OpenSearch',
  version: '2.19.6',
  size: '64 MB',
  port: 19_200,
})

export const OPENSEARCH3 = searchEngine({
  name: 'opensearch3',
  title: 'OpenSearch',
  version: '3.8.0',
  size: '98 MB',
  port: 19_210,
  java: 21,
})

export const ELASTICSEARCH = searchEngine({
  name: 'elasticsearch',
  title: 'Elasticsearch',
  version: '8.19.9',
  size: '47 MB',
  port: 19_400,
  hasModules: true,
})

export const ELASTICSEARCH7 = searchEngine({
  name: 'elasticsearch7',
  title: 'Elasticsearch',
  version: '7.17.29',
  size: '47 MB',
  port: 19_410,
  isOnDemand: true,
})

export const ELASTICSEARCH9 = searchEngine({
  name: 'elasticsearch9',
  recipe: 'elasticsearch',
  title: 'Elasticsearch',
  version: '9.2.2',
  size: '45 MB',
  port: 19_420,
  java: 21,
  hasModules: true,
})

interface Kind {
  readonly name: EngineName
  /** Its folder; by default that of its name. */
  readonly recipe?: string
  readonly title: string
  readonly version: string
  readonly size: string
  readonly port: number
  /** What it needs where that is more than the others do: then it is started on demand only. */
  readonly java?: number
  readonly isOnDemand?: boolean
  readonly hasModules?: boolean
}

function searchEngine(kind: Kind): Engine {
  const { name, recipe = name, title, version, size, port, java, hasModules = false } = kind
  const tools = [JAVA, JAVAC].map((tool) => (java === undefined ? tool : newer(tool, java)))
  return {
    name,
    what: `${title} ${version}, one node`,
    isOnDemand: kind.isOnDemand ?? java !== undefined,
    program: {
      name: title,
      version,
      tools: [...tools, MAVEN],
      takes: `about 30 seconds and ${size}`,
      recipe: fileURLToPath(new URL(recipe, import.meta.url)),
      steps: [
        { ...COPY_JARS, args: [...COPY_JARS.args, `-Dengine.version=${version}`] },
        COMPILE,
        ...(hasModules ? [{ command: 'sh', args: ['-c', MAKE_MODULE, version] }] : []),
      ],
    },
    ports: { first: port, clients: 1, inner: 1 },
    url: ({ clients }) => `http://${HOST}:${clients[0]}`,
    prepare: async ({ program, folder, ports }) => {
      const home = join(folder, 'home')
      await mkdir(home, { recursive: true })
      const [http = 0] = ports.clients
      const [transport = 0] = ports.inner
      return [
        [
          {
            name,
            command: 'java',
            args: [
              '-Xmx256m',
              '-XX:+UseSerialGC',
              '-XX:TieredStopAtLevel=1',
              '-cp',
              [join(program, 'classes'), join(program, 'lib', '*')].join(delimiter),
              'Launcher',
              ...(hasModules ? [join(program, 'modules')] : []),
              home,
              String(http),
              String(transport),
            ],
            folder,
            stopSignal: 'SIGTERM',
            probe: { protocol: 'search', port: http },
          },
        ],
      ]
    },
  }
}

/** The same tool of a newer JDK: its `bin` comes first on the PATH. */
function newer(tool: Tool, major: number): Tool {
  return {
    ...tool,
    version: { args: ['--version'], min: [major, 0] },
    install: `a JDK ${major} or newer (https://adoptium.net), with its bin first on the PATH`,
  }
}
