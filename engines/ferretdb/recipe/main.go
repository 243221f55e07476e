// FerretDB as a program of its own: what `npm run engines` builds.
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:27017", "where clients connect")
	handler := flag.String("handler", "sqlite", "or postgresql")
	url := flag.String("url", "file:data/", "of the SQLite folder, which has to exist, or of the PostgreSQL database")
	certificate := flag.String("tls-cert", "", "PEM of a certificate: clients then connect with TLS")
	key := flag.String("tls-key", "", "PEM of its key")
	flag.Parse()
	slog.SetLogLoggerLevel(slog.LevelWarn) // else a line for each connection

	listener := ferretdb.ListenerConfig{TCP: *listen}
	if *certificate != "" {
		listener = ferretdb.ListenerConfig{TLS: *listen, TLSCertFile: *certificate, TLSKeyFile: *key}
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:      listener,
		Handler:       *handler,
		SQLiteURL:     *url,
		PostgreSQLURL: *url,
	})
	if err != nil {
		log.Fatal(err)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
