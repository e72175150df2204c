"""tls/coturn.conf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 151924208
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    Undefined = runtime['Undefined']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_off = resolve('off')
        l_0_job = resolve('job')
        pass
        template = environment.get_template('tls/_header.j2', 'tls/coturn.conf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'tls-listening-port='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\ncert='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\npkey='
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        for l_1_word in (undefined(name='off') if l_0_off is missing else l_0_off):
            _loop_vars = {}
            pass
            yield str(l_1_word)
            yield '\n'
        l_1_word = missing
        yield 'cipher-list='
        yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
        yield '\n'

    return root
