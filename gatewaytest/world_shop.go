package gatewaytest

import "slices"

// worldShop is what the application has sold.
type worldShop struct {
	entitlements  []*worldEntitlement
	subscriptions []*worldSubscription
}

// worldEntitlement is docs /resources/entitlement#entitlement-object.
type worldEntitlement struct {
	id           uint64
	user, guild  uint64 // 0 for none
	subscription bool   // else bought once
	deleted      bool
	starts, ends int64 // 0 for null
	consumed     bool
}

// worldSubscription is docs /resources/subscription#subscription-object.
type worldSubscription struct {
	id, user    uint64
	entitlement uint64 // 0 for none
	renewal     bool   // another SKU from the next period on
	start       int64
	status      int
	canceled    int64 // 0 for null
}

const (
	worldMostSales = 16
	worldMonth     = 2_592_000_000

	// docs /resources/subscription#subscription-statuses
	worldSubscriptionActive   = 0
	worldSubscriptionInactive = 1
	worldSubscriptionEnding   = 2
)

func (s *worldShop) build(w *world, d worldDice) {
	for i := range uint64(2) {
		s.entitlements = append(s.entitlements, w.sell(d, worldSnowflake(worldBirth-1000, i)))
		s.subscriptions = append(s.subscriptions, &worldSubscription{id: worldSnowflake(worldBirth-1000, 2+i), user: worldPick(d, w.users).id, start: worldBirth - 1000})
	}
}

// sell makes an entitlement: of a user, or of a guild.
func (w *world) sell(d worldDice, id uint64) *worldEntitlement {
	e := &worldEntitlement{id: id, subscription: d.oneIn(2)}
	switch {
	case len(w.ids) > 0 && d.oneIn(2):
		e.guild = worldPick(d, w.ids)
		if d.oneIn(3) {
			e.user = worldPick(d, w.users).id
		}
	default:
		e.user = worldPick(d, w.users).id
	}
	if d.oneIn(2) {
		e.starts = max(w.now, worldBirth)
		e.ends = worldPick(d, []int64{0, e.starts + worldMonth})
	}
	return e
}

func (e *worldEntitlement) write(j *worldJSON, app uint64) {
	j.id("id", e.id)
	j.id("sku_id", app+40)
	j.id("application_id", app)
	if e.user != 0 {
		j.id("user_id", e.user)
	}
	kind := int64(1) // PURCHASE
	if e.subscription {
		kind = 8 // APPLICATION_SUBSCRIPTION
	}
	j.num("type", kind)
	j.bool("deleted", e.deleted)
	j.timeOrNull("starts_at", e.starts)
	j.timeOrNull("ends_at", e.ends)
	if e.guild != 0 {
		j.id("guild_id", e.guild)
	}
	if !e.subscription {
		j.bool("consumed", e.consumed)
	}
}

// writeOf lists what the user or the guild of an interaction has.
func (s *worldShop) writeOf(j *worldJSON, g *worldGuild, u *worldUser, app uint64) {
	for _, e := range s.entitlements {
		if e.user == u.id && e.guild == 0 || g != nil && e.guild == g.id {
			j.open('{')
			e.write(j, app)
			j.end('}')
		}
	}
}

func (w *world) entitlementEvent(t string, e *worldEntitlement) worldEvent {
	j := w.start()
	e.write(j, w.app)
	return w.finish(t, nil, 0)
}

func (w *world) entitlementCreate(*worldGuild) (worldEvent, bool) {
	s := &w.shop
	if len(s.entitlements) >= worldMostSales {
		return worldEvent{}, false
	}
	e := w.sell(w.dice, w.newID())
	s.entitlements = append(s.entitlements, e)
	return w.entitlementEvent("ENTITLEMENT_CREATE", e), true
}

// entitlementUpdate ends what a subscription gave, and consumes anything else (docs /events/gateway-events#entitlement-update).
func (w *world) entitlementUpdate(*worldGuild) (worldEvent, bool) {
	if len(w.shop.entitlements) == 0 {
		return worldEvent{}, false
	}
	e := worldPick(w.dice, w.shop.entitlements)
	if e.subscription {
		e.ends = w.now
	} else {
		e.consumed = true
	}
	return w.entitlementEvent("ENTITLEMENT_UPDATE", e), true
}

func (w *world) entitlementDelete(*worldGuild) (worldEvent, bool) {
	s := &w.shop
	if len(s.entitlements) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(s.entitlements))
	e := s.entitlements[at]
	s.entitlements = slices.Delete(s.entitlements, at, at+1)
	e.deleted = true
	return w.entitlementEvent("ENTITLEMENT_DELETE", e), true
}

func (w *world) subscriptionEvent(t string, s *worldSubscription) worldEvent {
	j := w.start()
	j.id("id", s.id)
	j.id("user_id", s.user)
	j.arr("sku_ids")
	j.idElem(w.app + 40)
	j.end(']')
	j.arr("entitlement_ids")
	if s.entitlement != 0 {
		j.idElem(s.entitlement)
	}
	j.end(']')
	if s.renewal {
		j.arr("renewal_sku_ids")
		j.idElem(w.app + 41)
		j.end(']')
	} else {
		j.null("renewal_sku_ids")
	}
	j.time("current_period_start", s.start)
	j.time("current_period_end", s.start+worldMonth)
	j.num("status", int64(s.status))
	j.timeOrNull("canceled_at", s.canceled)
	return w.finish(t, nil, 0)
}

// subscriptionCreate begins a subscription, which may be inactive at first, or canceled right away.
func (w *world) subscriptionCreate(*worldGuild) (worldEvent, bool) {
	d := w.dice
	if len(w.shop.subscriptions) >= worldMostSales {
		return worldEvent{}, false
	}
	s := &worldSubscription{id: w.newID(), user: worldPick(d, w.users).id, start: w.now, renewal: d.oneIn(4)}
	switch d.IntN(6) {
	case 0:
		s.status = worldSubscriptionInactive
	case 1:
		s.status, s.canceled = worldSubscriptionEnding, w.now
	}
	for _, e := range w.shop.entitlements {
		if e.subscription && e.user == s.user {
			s.entitlement = e.id
		}
	}
	w.shop.subscriptions = append(w.shop.subscriptions, s)
	return w.subscriptionEvent("SUBSCRIPTION_CREATE", s), true
}

// subscriptionUpdate activates, renews, or cancels.
func (w *world) subscriptionUpdate(*worldGuild) (worldEvent, bool) {
	d := w.dice
	if len(w.shop.subscriptions) == 0 {
		return worldEvent{}, false
	}
	s := worldPick(d, w.shop.subscriptions)
	switch {
	case s.status != worldSubscriptionActive:
		s.status, s.canceled = worldSubscriptionActive, 0
	case d.oneIn(2):
		s.status, s.canceled = worldSubscriptionEnding, w.now
	default:
		s.start, s.renewal = w.now, d.oneIn(3)
	}
	return w.subscriptionEvent("SUBSCRIPTION_UPDATE", s), true
}

func (w *world) subscriptionDelete(*worldGuild) (worldEvent, bool) {
	x := &w.shop
	if len(x.subscriptions) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.subscriptions))
	s := x.subscriptions[at]
	x.subscriptions = slices.Delete(x.subscriptions, at, at+1)
	return w.subscriptionEvent("SUBSCRIPTION_DELETE", s), true
}
