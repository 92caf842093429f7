package gatewaytest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// docs /events/gateway-events#request-guild-members
	membersPerChunk  = 1000
	membersPerQuery  = 100
	maxNonce         = 32
	wholeListSpacing = 30 * time.Second
)

// members answers op 8: docs /events/gateway-events#request-guild-members. Called with s.mu held.
func (s *Server) members(c *Conn, f fields, now time.Time) {
	guild, ok := f.id("guild_id")
	if !ok {
		c.misshapen(opRequestMembers, "guild_id is %.40s", f["guild_id"])
		return
	}
	query, byQuery := f.text("query")
	byIDs := !f.null("user_ids")
	limit, hasLimit := f.integer("limit")
	ids, idsOK := idList(f["user_ids"])
	switch {
	case byQuery == byIDs:
		c.misshapen(opRequestMembers, "exactly one of query and user_ids is required")
		return
	case byIDs && !idsOK:
		c.misshapen(opRequestMembers, "user_ids is %.40s", f["user_ids"])
		return
	case byQuery && (!hasLimit || limit < 0):
		c.misshapen(opRequestMembers, "query without a limit")
		return
	case !s.own(c, opRequestMembers, guild):
		return
	}
	nonce, _ := f.text("nonce")
	if len(nonce) > maxNonce {
		nonce = ""
	}
	if byQuery && query == "" {
		if c.sess.intents&bitGuildMembers == 0 {
			c.violation(RuleMembersIntent, "the whole member list of guild %d without GUILD_MEMBERS", guild)
			return
		}
		if limit == 0 && !s.admitWholeList(c, guild, nonce, now) {
			return
		}
	}
	if len(ids) > membersPerQuery {
		c.violation(RuleMembersIDs, "%d user_ids, at most %d are answered", len(ids), membersPerQuery)
		ids = ids[:membersPerQuery]
	}
	found, missing := s.findMembers(guild, query, ids, byIDs)
	if !byIDs && (limit > 0 || query != "") {
		most := int64(membersPerQuery)
		if query == "" {
			most = math.MaxInt64
		}
		if limit > 0 {
			most = min(most, limit)
		}
		found = found[:min(int64(len(found)), most)]
	}
	presences, _ := f.boolean("presences")
	s.chunks(c, guild, nonce, found, missing, presences && c.sess.intents&bitGuildPresences != 0)
}

// admitWholeList allows one whole list per guild and 30 s: docs /events/gateway-events#rate-limited.
func (s *Server) admitWholeList(c *Conn, guild uint64, nonce string, now time.Time) bool {
	last, asked := s.memberList[guild]
	if !asked || now.Sub(last) >= wholeListSpacing {
		s.memberList[guild] = now
		return true
	}
	meta := map[string]any{"guild_id": fmt.Sprint(guild)}
	if nonce != "" {
		meta["nonce"] = nonce
	}
	s.issue(c.sess, "RATE_LIMITED", mustJSON(map[string]any{
		"opcode": opRequestMembers, "retry_after": (wholeListSpacing - now.Sub(last)).Seconds(), "meta": meta,
	}))
	return false
}

type foundMember struct {
	id  uint64
	raw json.RawMessage
}

// findMembers returns the members a request selects, and the ids that are none.
func (s *Server) findMembers(guild uint64, query string, ids []uint64, byIDs bool) (found []foundMember, missing []uint64) {
	missing = ids
	for _, raw := range s.listOf(guild, "members") {
		m, _ := parseFields(raw)
		user, _ := parseFields(m["user"])
		id, _ := user.id("id")
		if byIDs {
			if !slices.Contains(ids, id) {
				continue
			}
			missing = slices.DeleteFunc(slices.Clone(missing), func(o uint64) bool { return o == id })
		} else if !namedLike(query, user, m) {
			continue
		}
		found = append(found, foundMember{id, raw})
	}
	return found, missing
}

func namedLike(prefix string, user, member fields) bool {
	if prefix == "" {
		return true
	}
	prefix = strings.ToLower(prefix)
	name, _ := user.text("username")
	nick, _ := member.text("nick")
	return strings.HasPrefix(strings.ToLower(name), prefix) || strings.HasPrefix(strings.ToLower(nick), prefix)
}

// chunks issues what was found: docs /events/gateway-events#guild-members-chunk.
func (s *Server) chunks(c *Conn, guild uint64, nonce string, found []foundMember, missing []uint64, presences bool) {
	var present []json.RawMessage
	if presences {
		present = s.listOf(guild, "presences")
	}
	count := max(1, (len(found)+membersPerChunk-1)/membersPerChunk)
	order := make([]int, count)
	for i := range order {
		order[i] = i
	}
	if s.cfg.ShuffleChunks {
		s.rng.Shuffle(count, func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	for _, i := range order {
		part := found[min(len(found), i*membersPerChunk):min(len(found), (i+1)*membersPerChunk)]
		members, ids := make([]json.RawMessage, len(part)), map[uint64]bool{}
		for j, m := range part {
			members[j] = m.raw
			ids[m.id] = true
		}
		d := map[string]any{
			"guild_id": fmt.Sprint(guild), "members": members, "chunk_index": i, "chunk_count": count,
		}
		if nonce != "" {
			d["nonce"] = nonce
		}
		if len(missing) > 0 && i == 0 {
			texts := make([]string, len(missing))
			for j, id := range missing {
				texts[j] = fmt.Sprint(id)
			}
			d["not_found"] = texts
		}
		if presences {
			list := []json.RawMessage{}
			for _, raw := range present {
				p, _ := parseFields(raw)
				user, _ := parseFields(p["user"])
				if id, _ := user.id("id"); ids[id] {
					list = append(list, raw)
				}
			}
			d["presences"] = list
		}
		s.issue(c.sess, "GUILD_MEMBERS_CHUNK", mustJSON(d))
	}
}
