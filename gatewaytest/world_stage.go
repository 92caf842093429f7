package gatewaytest

import "slices"

// worldStage is docs /resources/stage-instance#stage-instance-object.
type worldStage struct {
	id, event uint64 // event: 0 for none
	channel   *worldChannel
	topic     string
	closed    bool // not in discovery
}

func (d worldDice) newStage(g *worldGuild, ch *worldChannel, id uint64) *worldStage {
	s := &worldStage{id: id, channel: ch, topic: d.sentence(), closed: !d.oneIn(4)}
	if len(g.extras.events) > 0 && d.oneIn(2) {
		s.event = worldPick(d, g.extras.events).id
	}
	return s
}

func (s *worldStage) write(j *worldJSON, g *worldGuild) {
	j.id("id", s.id)
	j.id("guild_id", g.id)
	j.id("channel_id", s.channel.id)
	j.str("topic", s.topic)
	j.num("privacy_level", 2)
	j.bool("discoverable_disabled", s.closed)
	j.idOrNull("guild_scheduled_event_id", s.event)
}

func (w *world) stageEvent(t string, g *worldGuild, s *worldStage) worldEvent {
	j := w.start()
	s.write(j, g)
	return w.finish(t, g, worldIntentGuilds)
}

// stageInstanceCreate goes live in a stage channel where nothing is on.
func (w *world) stageInstanceCreate(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	for _, ch := range g.channelsOf(worldStageVoice, worldStageVoice) {
		if !slices.ContainsFunc(x.stages, func(s *worldStage) bool { return s.channel == ch }) {
			s := w.dice.newStage(g, ch, w.newID())
			x.stages = append(x.stages, s)
			return w.stageEvent("STAGE_INSTANCE_CREATE", g, s), true
		}
	}
	return worldEvent{}, false
}

func (w *world) stageInstanceUpdate(g *worldGuild) (worldEvent, bool) {
	if len(g.extras.stages) == 0 {
		return worldEvent{}, false
	}
	s := worldPick(w.dice, g.extras.stages)
	s.topic = w.dice.sentence()
	return w.stageEvent("STAGE_INSTANCE_UPDATE", g, s), true
}

func (w *world) stageInstanceDelete(g *worldGuild) (worldEvent, bool) {
	x := &g.extras
	if len(x.stages) == 0 {
		return worldEvent{}, false
	}
	at := w.dice.IntN(len(x.stages))
	s := x.stages[at]
	x.stages = slices.Delete(x.stages, at, at+1)
	return w.stageEvent("STAGE_INSTANCE_DELETE", g, s), true
}
