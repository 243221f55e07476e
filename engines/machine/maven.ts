/** Copies the jars of the `pom.xml` beside it into `lib`, from wherever the user's Maven fetches them. */
export const COPY_JARS = {
  command: 'mvn',
  args: [
    '-q',
    '-B',
    'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies',
    '-DincludeScope=runtime',
    '-DoutputDirectory=lib',
  ],
}
