import { HOST } from '../machine/ports.ts'

export interface Node {
  readonly id: number
  readonly port: number
  readonly controllerPort: number
}

/** The voters are named here, not kept in the data: so a cluster may be started again on other ports. */
export function serverProperties(node: Node, nodes: readonly Node[], listeners: readonly string[]): string {
  const copies = nodes.length
  const inSync = Math.min(2, copies)
  return `${[
    'process.roles=broker,controller',
    `node.id=${node.id}`,
    `controller.quorum.voters=${nodes.map(({ id, controllerPort }) => `${id}@${HOST}:${controllerPort}`).join(',')}`,
    ...listeners,
    'log.dirs=data',
    // Everything small: it serves one developer.
    'num.network.threads=1',
    'num.io.threads=2',
    'log.cleaner.dedupe.buffer.size=4194304',
    'auto.create.topics.enable=false',
    `default.replication.factor=${copies}`,
    `min.insync.replicas=${inSync}`,
    `offsets.topic.replication.factor=${copies}`,
    'offsets.topic.num.partitions=1',
    `transaction.state.log.replication.factor=${copies}`,
    `transaction.state.log.min.isr=${inSync}`,
    `share.coordinator.state.topic.replication.factor=${copies}`,
    `share.coordinator.state.topic.min.isr=${inSync}`,
    // A test's first member need not wait for others.
    'group.initial.rebalance.delay.ms=0',
    'broker.session.timeout.ms=6000',
    // Tests that kill members must not wait as long as real clusters do.
    'group.min.session.timeout.ms=1000',
  ].join('\n')}\n`
}
