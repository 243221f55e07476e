import { HOST } from '../machine/ports.ts'
import type { Certificate } from '../security/certificate.ts'
import type { Security } from '../security/security.ts'
import type { Node } from './server-properties.ts'

/** Clients and brokers come in by the same door. */
export function plainListeners({ port, controllerPort }: Node): readonly string[] {
  return [
    `listeners=PLAINTEXT://${HOST}:${port},CONTROLLER://${HOST}:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://${HOST}:${port}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
  ]
}

export const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const

export interface SecureDoor {
  readonly security: Security
  readonly certificate: Certificate
  /** Where the broker speaks with itself, in the clear. */
  readonly innerPort: number
}

/** Clients come in with TLS and credentials; users of SCRAM are in the cluster's metadata, those of PLAIN stand here. */
export function secureListeners(node: Node, { security, certificate, innerPort }: SecureDoor): readonly string[] {
  const { username, password } = security
  const module = (name: string) => `org.apache.kafka.common.security.${name}LoginModule required`
  return [
    `listeners=CLIENTS://${HOST}:${node.port},BROKERS://${HOST}:${innerPort},CONTROLLER://${HOST}:${node.controllerPort}`,
    `advertised.listeners=CLIENTS://${HOST}:${node.port},BROKERS://${HOST}:${innerPort}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=BROKERS',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,BROKERS:PLAINTEXT,CLIENTS:SASL_SSL',
    'listener.name.clients.ssl.keystore.type=PEM',
    `listener.name.clients.ssl.keystore.location=${certificate.keystoreFile}`,
    `listener.name.clients.sasl.enabled.mechanisms=${MECHANISMS.join(',')}`,
    `listener.name.clients.plain.sasl.jaas.config=${module('plain.Plain')} user_${username}="${password}";`,
    `listener.name.clients.scram-sha-256.sasl.jaas.config=${module('scram.Scram')};`,
    `listener.name.clients.scram-sha-512.sasl.jaas.config=${module('scram.Scram')};`,
  ]
}

/** For the tool that makes a cluster's metadata. */
export function scramUsers({ username, password }: Security): readonly string[] {
  return MECHANISMS.filter((mechanism) => mechanism.startsWith('SCRAM')).flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${username},password=${password}]`,
  ])
}
