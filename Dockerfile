# One image for every role and for the commands: `docker build -t holdfast .`, then `docker run holdfast help`.
FROM node:26-slim AS manifests
WORKDIR /holdfast
COPY package.json package-lock.json ./
COPY packages/protocol/package.json packages/protocol/
COPY packages/client/package.json packages/client/
COPY packages/server/package.json packages/server/
COPY packages/web/package.json packages/web/

FROM manifests AS page
RUN npm ci
COPY . .
RUN node packages/web/build.ts

FROM manifests
ENV NODE_ENV=production HOLDFAST_DATA=/data HOLDFAST_HOST=0.0.0.0
# The lockfile brings a Node of its own, for machines whose Node is old: this image has the same.
RUN npm ci --omit=dev && npm cache clean --force && rm -rf node_modules/node-linux-*
COPY packages packages
COPY --from=page /holdfast/packages/web/dist packages/web/dist
RUN ln -s /holdfast/packages/server/bin/holdfast.mjs /usr/local/bin/holdfast \
  && install -d -o node -g node -m 0700 /data
USER node
VOLUME /data
EXPOSE 8080
# Every role answers it, and says in its body what it waits for.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HOLDFAST_PORT || 8080}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["holdfast"]
CMD ["serve"]
