package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/chiru-go/chiru/fleet"
)

const (
	defaultHTTP = "127.0.0.1:0"
	noHTTP      = "off"
	// Whoever asks for health or metrics is done within these, or is left.
	httpReadWait  = 5 * time.Second
	httpWriteWait = 10 * time.Second
	httpIdleWait  = time.Minute
	httpEndWait   = time.Second
	httpHeaders   = 16 << 10
)

func parseHTTP(text string) (string, error) {
	if text == noHTTP {
		return text, nil
	}
	if _, err := parseListen(text); err != nil {
		return "", errors.New("must be off, or host:port, as in 127.0.0.1:9464")
	}
	return text, nil
}

// serve answers for a node over HTTP. The address is empty if it is not to.
func (p *program) serve(listen string, node *fleet.Node, log *slog.Logger) (address string, end func(), err error) {
	if listen == noHTTP {
		return "", func() {}, nil
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		f := failed("--http: %v", err)
		f.hint = "take an address of this machine that is free; port 0 takes a free one, and off none"
		return "", nil, f
	}
	server := &http.Server{
		Handler:     p.answers(node),
		ReadTimeout: httpReadWait, WriteTimeout: httpWriteWait, IdleTimeout: httpIdleWait, MaxHeaderBytes: httpHeaders,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("no health and metrics any more", "error", err)
		}
	}()
	address = listener.Addr().String()
	log.Info("health and metrics", "metrics", "http://"+address+"/metrics")
	return address, func() {
		ctx, cancel := context.WithTimeout(context.Background(), httpEndWait)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
		<-ended
	}, nil
}

// answers are about delivery: a process that runs and stores nothing is not well.
func (p *program) answers(node *fleet.Node) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(w, p.redact(metrics(node.Status())))
	})
	verdict := func(of func(fleet.NodeStatus) string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			wrong := of(node.Status())
			if wrong == "" {
				_, _ = io.WriteString(w, "ok\n")
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, p.redact(clean(wrong))+"\n")
		}
	}
	mux.HandleFunc("GET /healthz", verdict(func(s fleet.NodeStatus) string { return s.Health }))
	mux.HandleFunc("GET /readyz", verdict(func(s fleet.NodeStatus) string { return s.Ready }))
	return mux
}
