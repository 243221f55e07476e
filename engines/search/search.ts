import { mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Engine, EngineName } from '../engine.ts'
import { COPY_JARS } from '../machine/maven.ts'
import { HOST } from '../machine/ports.ts'
import { JAVA, JAVAC, MAVEN } from '../machine/tools.ts'

const COMPILE = {
  command: 'javac',
  args: ['-proc:none', '-nowarn', '-cp', join('lib', '*'), '-d', 'classes', 'Launcher.java'],
}

/** Elasticsearch loads what speaks HTTP as a module of its own, from a folder with a description. */
const MODULE = join('modules', 'transport-netty4')
const MAKE_MODULE = {
  command: 'sh',
  args: [
    '-c',
    `mkdir -p ${MODULE} && mv lib/transport-netty4-*.jar lib/netty-*.jar plugin-descriptor.properties ${MODULE}`,
  ],
}

export const OPENSEARCH = searchEngine({
  name: 'opensearch',
  title: 'OpenSearch',
  version: '2.19.6',
  size: '64 MB',
  port: 19_200,
  steps: [COPY_JARS, COMPILE],
  modules: () => [],
})

export const ELASTICSEARCH = searchEngine({
  name: 'elasticsearch',
  title: 'Elasticsearch',
  version: '8.19.9',
  size: '47 MB',
  port: 19_400,
  steps: [COPY_JARS, COMPILE, MAKE_MODULE],
  modules: (program) => [join(program, 'modules')],
})

interface Kind {
  readonly name: EngineName
  readonly title: string
  readonly version: string
  readonly size: string
  readonly port: number
  readonly steps: Engine['program']['steps']
  /** What its launcher is told before its home. */
  modules(program: string): readonly string[]
}

function searchEngine({ name, title, version, size, port, steps, modules }: Kind): Engine {
  return {
    name,
    what: `${title} ${version}, one node`,
    program: {
      name: title,
      version,
      tools: [JAVA, JAVAC, MAVEN],
      takes: `about 30 seconds and ${size}`,
      recipe: fileURLToPath(new URL(name, import.meta.url)),
      steps,
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
              ...modules(program),
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
